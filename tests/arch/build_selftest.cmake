# The link test and the header test let the right half of selftest/ pass and stop the wrong one, each
# for its own reason.
file(REMOVE_RECURSE ${BINARY})
execute_process(
  COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${BINARY}
          -D MODULES=${MODULES} -D CMAKE_CXX_COMPILER=${COMPILER}
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(code)
  message(FATAL_ERROR "selftest does not configure:\n${output}")
endif()

function(expect target should_build reason)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY} --target ${target}
                  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(should_build AND code)
    message(FATAL_ERROR "${target} should build:\n${output}")
  elseif(NOT should_build AND NOT code)
    message(FATAL_ERROR "${target} should not build, but does")
  elseif(NOT should_build AND NOT output MATCHES "${reason}")
    message(FATAL_ERROR "${target} fails, but not with \"${reason}\":\n${output}")
  endif()
endfunction()

expect(link_high TRUE "")
expect(link_upward FALSE "undefined reference to .high\\(\\)")
expect(complete_verify_interface_header_sets TRUE "")
expect(incomplete_verify_interface_header_sets FALSE "incomplete.h:[0-9]+:[0-9]+: error")

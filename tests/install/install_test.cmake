# Installs BUILD to a prefix under WORK and uses it from there as another project would.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(code)
    message(FATAL_ERROR "${what} failed (${code}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run("install" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component kith)

# Nothing of the insides, and no path of this machine's source tree.
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include ${WORK}/prefix/include/*)
list(FILTER headers EXCLUDE REGEX "^kith/[a-z_]+\\.h$")
if(headers)
  message(FATAL_ERROR "installed besides the public headers: ${headers}")
endif()
get_filename_component(source_root ${SOURCE}/../../.. ABSOLUTE)
file(GLOB_RECURSE scripts ${WORK}/prefix/*.cmake)
foreach(script IN LISTS scripts)
  file(STRINGS ${script} leaks REGEX "${source_root}/(src|include|cmake)")
  if(leaks)
    message(FATAL_ERROR "${script} names the source tree: ${leaks}")
  endif()
endforeach()

run("configuring the consumer" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${WORK}/build
    -D CMAKE_PREFIX_PATH=${WORK}/prefix -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -D KITH_VERSION=${VERSION})
run("building the consumer" ${CMAKE_COMMAND} --build ${WORK}/build)
run("the consumer" ${WORK}/build/consumer)
if(NOT output STREQUAL "hello, world\n")
  message(FATAL_ERROR "the consumer printed:\n${output}")
endif()

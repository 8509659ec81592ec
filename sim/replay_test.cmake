# The same seeds in two processes must leave the same traces, and other seeds others.
# SPDX-License-Identifier: Apache-2.0
function(traces first result)
  execute_process(COMMAND ${PROGRAM} --seeds 30 --first ${first} OUTPUT_VARIABLE output
                  RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "kith_sim failed:\n${output}")
  endif()
  if(NOT output MATCHES "traces ([0-9a-f]+)")
    message(FATAL_ERROR "no trace hash in:\n${output}")
  endif()
  set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

traces(1 once)
traces(1 again)
traces(31 other)
if(NOT once STREQUAL again)
  message(FATAL_ERROR "the same seeds left the traces ${once} and ${again}")
endif()
if(once STREQUAL other)
  message(FATAL_ERROR "other seeds left the same traces")
endif()

# One function per kind of target, so that each folder's CMakeLists.txt says only what is its own.
# Every library is a folder; its name is the folder's path with underscores: src/core/fetch is
# kith_core_fetch.

# In a unity build (CMAKE_UNITY_BUILD) the sources of a target are compiled several at a time, so that
# names in their anonymous namespaces must differ. One that is alone gains nothing.
function(kith_unity name)
  get_target_property(sources ${name} SOURCES)
  list(LENGTH sources count)
  if(count EQUAL 1)
    set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  endif()
endfunction()

# kith_library(NAME SOURCES a.cc ... DEPS kith_base ... [PRIVATE_DEPS ...])
# With no SOURCES the library is headers only.
function(kith_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    kith_unity(${name})
    target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
    target_link_libraries(${name} PUBLIC kith_headers ${ARG_DEPS}
                          PRIVATE $<BUILD_INTERFACE:kith_warnings> ${ARG_PRIVATE_DEPS})
    set_property(GLOBAL APPEND PROPERTY KITH_STATIC_LIBRARIES ${name})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
    target_link_libraries(${name} INTERFACE kith_headers ${ARG_DEPS})
  endif()
endfunction()

# kith_test(NAME LABEL unit|sim|cluster|arch SOURCES a_test.cc ... DEPS ... [TIMEOUT seconds]
#           [THREADS] [HOT])
# One executable with GoogleTest's main, one CTest entry. THREADS: it has more than one thread; without
# that there is nothing in it for the thread sanitizer, whose build leaves it out. HOT: its own loops
# take longer than its compilation, so that KITH_TEST_OPTIONS do not hold for it.
function(kith_test name)
  cmake_parse_arguments(ARG "THREADS;HOT" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT KITH_TESTS OR (KITH_SANITIZE STREQUAL "thread" AND NOT ARG_THREADS))
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  kith_unity(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE kith_warnings ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  if(NOT ARG_HOT)
    target_compile_options(${name} PRIVATE ${KITH_TEST_OPTIONS})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# kith_corpus_test(NAME FUZZER f LEAST n DEPS ...)
# Runs fuzz/f_fuzz.cc on the files of fuzz/corpus/f, of which there are at least n.
function(kith_corpus_test name)
  cmake_parse_arguments(ARG "" "FUZZER;LEAST" "DEPS" ${ARGN})
  kith_test(${name} LABEL unit
            SOURCES ${PROJECT_SOURCE_DIR}/fuzz/corpus_test.cc
                    ${PROJECT_SOURCE_DIR}/fuzz/${ARG_FUZZER}_fuzz.cc
            DEPS ${ARG_DEPS})
  if(TARGET ${name})
    target_compile_definitions(${name} PRIVATE
      KITH_FUZZ_CORPUS="${PROJECT_SOURCE_DIR}/fuzz/corpus/${ARG_FUZZER}"
      KITH_FUZZ_CORPUS_LEAST=${ARG_LEAST})
  endif()
endfunction()

# kith_program(NAME SOURCES ... DEPS ...): an executable that is not installed.
function(kith_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  kith_unity(${name})
  target_link_libraries(${name} PRIVATE kith_warnings ${ARG_DEPS})
endfunction()

# Targets that fail to build when a library breaks the architecture. Used by tests/arch.

# kith_link_test(TARGET LIBRARY): an executable that consists of all of LIBRARY, an empty main, and
# what LIBRARY says it depends on. It does not link when LIBRARY needs a symbol of a layer above.
function(kith_link_test target library)
  set(main ${CMAKE_CURRENT_BINARY_DIR}/empty_main.cc)
  file(CONFIGURE OUTPUT ${main} CONTENT "int main() { return 0; }\n")
  add_executable(${target} EXCLUDE_FROM_ALL ${main})
  target_link_libraries(${target} PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${library}>)
endfunction()

# kith_build_test(TEST TARGET): a CTest test that builds TARGET. One at a time: two builds of one
# directory would disturb each other.
function(kith_build_test test target)
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target ${target})
  set_tests_properties(${test} PROPERTIES LABELS arch RESOURCE_LOCK build_directory TIMEOUT 600)
endfunction()

# Installs the public headers, the static libraries that kith::kith is made of, and the files that let
# another project say find_package(kith). Included last by the top CMakeLists.txt.
option(KITH_INSTALL "Install the library" ${PROJECT_IS_TOP_LEVEL})
if(NOT KITH_INSTALL)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The libraries of ours that `target` needs, itself included, into `out`.
function(kith_link_closure target out)
  set(closure "")
  set(open ${target})
  while(open)
    list(POP_FRONT open next)
    if(next MATCHES "^\\$<LINK_ONLY:(.+)>$")
      set(next ${CMAKE_MATCH_1})
    endif()
    if(NOT TARGET ${next} OR next IN_LIST closure)
      continue()
    endif()
    get_target_property(real ${next} ALIASED_TARGET)
    if(real)
      list(APPEND open ${real})
      continue()
    endif()
    get_target_property(imported ${next} IMPORTED)
    if(imported)
      continue()
    endif()
    list(APPEND closure ${next})
    get_target_property(needs ${next} INTERFACE_LINK_LIBRARIES)
    if(needs)
      list(APPEND open ${needs})
    endif()
  endwhile()
  set(${out} ${closure} PARENT_SCOPE)
endfunction()

kith_link_closure(kith_api kith_installed)
foreach(library IN LISTS kith_installed)
  string(REGEX REPLACE "^kith_" "" exported ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${exported})
endforeach()
set_target_properties(kith_api PROPERTIES EXPORT_NAME kith)  # kith::kith

install(TARGETS ${kith_installed} EXPORT kithTargets COMPONENT kith
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

if(KITH_TOOLS)
  install(TARGETS kith_command COMPONENT kith RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(kith_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kith)
install(EXPORT kithTargets COMPONENT kith NAMESPACE kith:: DESTINATION ${kith_config_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/kithConfig.cmake.in
  ${PROJECT_BINARY_DIR}/kithConfig.cmake INSTALL_DESTINATION ${kith_config_dir})
# Before 1.0 a minor version may break its users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kithConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kithConfig.cmake ${PROJECT_BINARY_DIR}/kithConfigVersion.cmake
        COMPONENT kith DESTINATION ${kith_config_dir})

# How each dependency is found. All of them come from PyPI into the (isolated) build environment, see README.md here.
find_package(OpenMP REQUIRED COMPONENTS CXX)

find_package(Python 3.9 REQUIRED COMPONENTS Interpreter OPTIONAL_COMPONENTS Development.Module)
# The build environment's packages: <prefix>/lib/pythonX.Y/site-packages and <prefix>.
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c
          "import sys, sysconfig; print(';'.join([*[p for p in sys.path if p.endswith('site-packages')], sys.prefix, sysconfig.get_path('data')]))"
  OUTPUT_VARIABLE SYMBIND_SITE OUTPUT_STRIP_TRAILING_WHITESPACE)
set(_prefixes "")
foreach(path IN LISTS SYMBIND_SITE)
  # In an isolated build environment the data files lie three levels above site-packages.
  list(APPEND _prefixes "${path}" "${path}/../../.." "${path}/cmeel.prefix")
endforeach()

find_path(SYMBIND_EIGEN_DIR Eigen/Core PATHS ${_prefixes} PATH_SUFFIXES include/eigen3 NO_DEFAULT_PATH)
find_path(SYMBIND_EIGEN_DIR Eigen/Core PATH_SUFFIXES eigen3)
if(NOT SYMBIND_EIGEN_DIR)
  message(FATAL_ERROR "SYMBIND_EIGEN_DIR not found: pip install cmeel-eigen")
endif()

if(SYMBIND_ONEDNN)
  find_package(dnnl CONFIG REQUIRED PATHS ${_prefixes} PATH_SUFFIXES lib/cmake/dnnl)
endif()
if(SYMBIND_PYTHON)
  find_package(pybind11 CONFIG REQUIRED PATHS ${_prefixes} PATH_SUFFIXES pybind11/share/cmake/pybind11)
endif()

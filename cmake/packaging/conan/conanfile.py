"""Conan 2 recipe of the tree it stands in: `conan create cmake/packaging/conan --build=missing`."""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


class HeddleRecipe(ConanFile):
    name = "heddle"
    description = "asyncio's vocabulary for C++20, run on a work-stealing pool"
    license = "Apache-2.0"
    topics = ("coroutines", "asyncio", "concurrency")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True, "onetbb/*:tbbmalloc": True}
    implements = ["auto_shared_fpic"]

    def set_version(self):
        text = load(self, os.path.join(TREE, "include", "heddle", "version.hpp"))
        self.version = ".".join(re.search(rf"HEDDLE_VERSION_{part} +(\d+)", text).group(1)
                                for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "README.md", "CHANGELOG.md", "cmake/*", "include/*", "lib/*"):
            copy(self, pattern, src=os.path.abspath(TREE), dst=self.export_sources_folder)

    def requirements(self):
        self.requires("onetbb/[>=2021.8]", transitive_headers=True, transitive_libs=True)
        self.requires("concurrentqueue/[>=1.0.3]", visible=False)

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("heddle needs Linux")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "STRESS", "BENCH", "EXAMPLES"):
            toolchain.cache_variables[f"HEDDLE_BUILD_{part}"] = False
        toolchain.cache_variables["HEDDLE_WERROR"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        # Conan makes these itself, from what package_info() says.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.libs = ["heddle"]
        self.cpp_info.system_libs = ["pthread"]
        self.cpp_info.requires = ["onetbb::libtbb", "onetbb::tbbmalloc", "concurrentqueue::concurrentqueue"]
        self.cpp_info.set_property("cmake_file_name", "heddle")
        self.cpp_info.set_property("cmake_target_name", "heddle::heddle")
        self.cpp_info.set_property("pkg_config_name", "heddle")

// SPDX-License-Identifier: Apache-2.0
// The Python module: names only; everything else is C++ that knows no Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "kernels/dispatch.hpp"
#include "threads/pool.hpp"

namespace nb = nanobind;

// Found by name through the dynamic linker, so that threadpoolctl can limit our threads.
extern "C" __attribute__((visibility("default"))) int kneighbors_get_num_threads(void) {
  return kneighbors::thread_limit();
}
extern "C" __attribute__((visibility("default"))) void kneighbors_set_num_threads(int n_threads) {
  kneighbors::set_thread_limit(n_threads);
}

NB_MODULE(_native, module) {
  module.doc() = "The native core of kneighbors: exact scans over panels and the thread pool behind them.";

  module.def("instruction_set", [] { return std::string(kneighbors::kernels().name); });
  module.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const kneighbors::KernelTable* table : kneighbors::runnable_kernels()) names.emplace_back(table->name);
    return names;
  });
  module.def("set_instruction_set", &kneighbors::use_kernels, nb::arg("name"));
  module.def("get_num_threads", &kneighbors::thread_limit);
  module.def("set_num_threads", &kneighbors::set_thread_limit, nb::arg("n_threads"));

  kneighbors::bind_flat(module);
  kneighbors::bind_measure(module);
  kneighbors::bind_graph(module);
  kneighbors::bind_project(module);
  kneighbors::bind_tree(module);
}

// SPDX-License-Identifier: Apache-2.0
// The projections of one instruction set. Included inside its namespace, after its `Lane`.

#include "kernels/project_lane_body.hpp"
#include "kernels/project_hadamard_body.hpp"
#include "kernels/project_linear_body.hpp"
#include "kernels/project_sign_body.hpp"

static constexpr ProjectKernels project_kernels = {
    sign_projection<float>,     sign_projection<double>,   hadamard_projection<float>,
    hadamard_projection<double>, linear_projection<float>, linear_projection<double>,
};

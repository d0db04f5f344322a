// SPDX-License-Identifier: Apache-2.0
#include "apps/programs.h"
#include "apps/support/run.h"

int main(int argc, char** argv) {
  return powercut::apps::run_program(powercut::apps::powercut_program(), argc, argv);
}

// SPDX-License-Identifier: Apache-2.0
int low();
int high() { return low() + 1; }

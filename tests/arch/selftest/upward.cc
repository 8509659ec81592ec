// SPDX-License-Identifier: Apache-2.0
int high();
int upward() { return high() + 1; }

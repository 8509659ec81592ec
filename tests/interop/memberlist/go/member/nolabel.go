// SPDX-License-Identifier: Apache-2.0

//go:build nolabels
// +build nolabels

package main

import (
	"errors"

	"github.com/hashicorp/memberlist"
)

// memberlist before 0.3.0 has no labels.
func setLabel(_ *memberlist.Config, label string) {
	if label != "" {
		fail(errors.New("this memberlist has no labels"))
	}
}

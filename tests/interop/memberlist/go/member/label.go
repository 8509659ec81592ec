// SPDX-License-Identifier: Apache-2.0

//go:build !nolabels
// +build !nolabels

package main

import "github.com/hashicorp/memberlist"

func setLabel(config *memberlist.Config, label string) { config.Label = label }

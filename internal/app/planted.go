//go:build !drillbug

package app

import (
	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/pipeline"
)

// The places at which a program that is built with the tag "drillbug" breaks a rule on purpose, to show that `oms drill` finds it. In
// every other program they hand on what they got, and cost nothing.

func plantedCommand(c command.Command) command.Command           { return c }
func plantedStore(s pipeline.Store) pipeline.Store               { return s }
func plantedGateway(g gateway.Gateway) gateway.Gateway           { return g }
func plantedPublisher(p bus.Publisher) bus.Publisher             { return p }
func plantedCallback(callback gateway.Callback) gateway.Callback { return callback }

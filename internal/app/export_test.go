package app

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/command"
)

// Submit carries a command out, for tests of what no method of the contract does yet.
func (a *App) Submit(ctx context.Context, c command.Command) command.Result { return a.submit(ctx, c) }

// ReadJackpot reads a jackpot as commands about it do.
var ReadJackpot = readJackpot

// ReadCause reads what a trigger rests on as the edge does.
var ReadCause = readCause

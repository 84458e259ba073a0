package app

import (
	"context"
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/state"
)

// walletCache knows whose money recent sessions and bets are about, which never changes, so that a command can name the rows that it needs
// without reading first.
type walletCache struct {
	recent *lru.Cache[state.Ref, wager.Wallet]
	store  store
}

// walletCacheSize is the number of sessions and bets remembered.
const walletCacheSize = 1 << 16

func newWalletCache(s store) *walletCache {
	recent, err := lru.New[state.Ref, wager.Wallet](walletCacheSize)
	if err != nil {
		panic(err) // the size is above zero
	}
	return &walletCache{recent: recent, store: s}
}

// committed remembers new sessions and bets.
func (c *walletCache) committed(rows []state.Written) {
	for i := range rows {
		if wallet := walletOf(rows[i].Row); rows[i].New && wallet.PlayerID != "" {
			c.recent.Add(rows[i].Row.Ref(), wallet)
		}
	}
}

func walletOf(row state.Row) wager.Wallet {
	switch row := row.(type) {
	case *state.Session:
		return wager.Wallet{PlayerID: row.PlayerID, Currency: row.Currency, GameID: row.GameID}
	case *state.Bet:
		return wager.Wallet{PlayerID: row.PlayerID, Currency: row.Currency, GameID: row.GameID}
	default:
		return wager.Wallet{}
	}
}

// find answers whose money a session or bet is about; nothing when there is none.
func (c *walletCache) find(ctx context.Context, ref state.Ref) (wager.Wallet, error) {
	if known, found := c.recent.Get(ref); found {
		return known, nil
	}
	row, err := c.store.PlayRow(ctx, ref)
	if errors.Is(err, state.ErrNotFound) {
		return wager.Wallet{}, nil
	}
	if err != nil {
		return wager.Wallet{}, fmt.Errorf("look up %s: %w", ref.ID, err)
	}
	wallet := walletOf(row)
	if wallet.PlayerID != "" {
		c.recent.Add(ref, wallet)
	}
	return wallet, nil
}

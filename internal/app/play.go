package app

import (
	"context"
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/bonus"
	"github.com/seed-255eabaa/oms/internal/domain/wager"
	"github.com/seed-255eabaa/oms/internal/state"
)

// walletCache knows whose money recent sessions, bets and bonuses are about, which never changes, so that a command can name the rows that
// it needs without reading first. Which bonus of a player is active does change: what it knows of that is a guess, which is right but for
// what another process has changed.
type walletCache struct {
	recent *lru.Cache[state.Ref, wager.Wallet]
	active *lru.Cache[state.Ref, string] // by player: the row of the active bonus; players without one are not there
	store  store
}

// walletCacheSize is the number of sessions, bets and bonuses remembered, and that of players with a bonus.
const walletCacheSize = 1 << 16

func newWalletCache(s store) *walletCache {
	recent, err := lru.New[state.Ref, wager.Wallet](walletCacheSize)
	if err != nil {
		panic(err) // the size is above zero
	}
	active, err := lru.New[state.Ref, string](walletCacheSize)
	if err != nil {
		panic(err) // as above
	}
	return &walletCache{recent: recent, active: active, store: s}
}

// committed remembers new sessions, bets and bonuses, and which bonuses are active.
func (c *walletCache) committed(rows []state.Written) {
	for i := range rows {
		if found, is := rows[i].Row.(*state.Player); is {
			c.note(found)
		} else if wallet := walletOf(rows[i].Row); rows[i].New && wallet.PlayerID != "" {
			c.recent.Add(rows[i].Row.Ref(), wallet)
		}
	}
}

// note remembers the bonus of a player that is active, or that there is none.
func (c *walletCache) note(player *state.Player) {
	switch {
	case player.Bonus != "":
		c.active.Add(player.Ref(), player.Bonus)
	case c.active.Len() > 0:
		c.active.Remove(player.Ref())
	}
}

func walletOf(row state.Row) wager.Wallet {
	switch row := row.(type) {
	case *state.Session:
		return wager.Wallet{PlayerID: row.PlayerID, Currency: row.Currency, GameID: row.GameID}
	case *state.Bet:
		wallet := wager.Wallet{PlayerID: row.PlayerID, Currency: row.Currency, GameID: row.GameID}
		if row.Bonus != nil {
			wallet.Bonus = row.Bonus.ID
		}
		return wallet
	case *state.Bonus:
		return wager.Wallet{PlayerID: row.PlayerID, Currency: row.Currency, Bonus: row.ID}
	default:
		return wager.Wallet{}
	}
}

// find answers whose money a session, bet or bonus is about; nothing when there is none. That of a session is asked for a bet to come: it
// has the bonus that is active, which is read when the command is made again.
func (c *walletCache) find(ctx context.Context, ref state.Ref, again bool) (wager.Wallet, error) {
	wallet, err := c.of(ctx, ref)
	if err != nil || ref.Kind != state.KindSession || wallet.PlayerID == "" {
		return wallet, err
	}
	player := state.PlayerRef(ref.Tenant, wallet.PlayerID)
	if again {
		row, err := c.store.PlayRow(ctx, player)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return wager.Wallet{}, fmt.Errorf("look up %s: %w", player.ID, err)
		}
		if found, is := row.(*state.Player); is {
			c.note(found)
		}
	}
	wallet.Bonus, _ = c.active.Get(player)
	return wallet, nil
}

// of answers whose money a row is about.
func (c *walletCache) of(ctx context.Context, ref state.Ref) (wager.Wallet, error) {
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

// expireBonus answers the command of a bonus's timer.
func (t *table) expireBonus(ctx context.Context, timer state.Timer) (command.Command, error) {
	ref := state.Ref{Kind: state.KindBonus, Tenant: timer.Tenant, ID: timer.AggregateID}
	wallet, err := t.wallets.find(ctx, ref, false)
	if err != nil {
		return command.Command{}, err
	}
	name := bonus.Name{Tenant: timer.Tenant, BonusID: (&state.Bonus{ID: ref.ID}).BonusID(), PlayerID: wallet.PlayerID, Currency: wallet.Currency}
	return command.Command{
		Tenant: timer.Tenant, Principal: "timer", Method: "timer/" + timer.Kind, Steps: []command.Step{command.Do(bonus.Expire{Name: name})},
	}, nil
}

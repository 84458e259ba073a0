package wire

import (
	"time"

	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// sum writes an amount of the dialect of providers.
func sum(currency string, minor int64) *providerv1.Money {
	return &providerv1.Money{AmountMinor: minor, Currency: currency}
}

// Player writes a player as they are at a time.
func Player(p *state.Player, now time.Time) *providerv1.Player {
	message := &providerv1.Player{
		PlayerId: p.PlayerID(), Currency: p.Currency, Locale: p.Locale, Country: p.Country, BrandId: p.Brand, Region: p.Region,
		RgFlags: flags(p.Flags, now), Version: p.Version, CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt),
		KycReason: p.KYCReason,
	}
	if p.KYC != state.KYCUnknown {
		message.KycStatus = providerv1.KycStatus(p.KYC).Enum()
	}
	for _, limit := range player.InForce(p.Limits, now) {
		written := &providerv1.PlayerLimit{}
		if limit.Max != state.NoLimit {
			written.Limit = bound(limit, limit.Max, p.Currency)
		}
		if !limit.PendingFrom.IsZero() {
			written.Pending, written.PendingFrom = bound(limit, limit.Pending, p.Currency), stamp(limit.PendingFrom)
		}
		message.Limits = append(message.Limits, written)
	}
	return message
}

// flags writes what keeps a player from betting at a time; what is over is not told.
func flags(f state.Flags, now time.Time) *providerv1.RgFlags {
	excluded := f.Excluded && (f.ExcludedUntil.IsZero() || now.Before(f.ExcludedUntil))
	message := &providerv1.RgFlags{SelfExclusion: proto.Bool(excluded)}
	if excluded {
		message.SelfExclusionUntil = stamp(f.ExcludedUntil)
	}
	if now.Before(f.CoolOffUntil) {
		message.CoolOffUntil = stamp(f.CoolOffUntil)
	}
	return message
}

func bound(limit state.Limit, most int64, currency string) *providerv1.Limit {
	message := &providerv1.Limit{Kind: providerv1.LimitKind(limit.Kind), Period: providerv1.LimitPeriod(limit.Period)}
	switch {
	case most == state.NoLimit:
		message.Value = &providerv1.Limit_Removed{Removed: true}
	case limit.Kind == state.LimitSession:
		message.Value = &providerv1.Limit_Minutes{Minutes: int32(most)} //nolint:gosec // the contract bounds it
	default:
		message.Value = &providerv1.Limit_Amount{Amount: sum(currency, most)}
	}
	return message
}

// Session writes a session as its row says. Whoever shows one shows it as it is at a time (state.Session.At).
func Session(s *state.Session) *providerv1.Session {
	message := &providerv1.Session{
		SessionId: s.SessionID(), PlayerId: s.PlayerID, GameId: s.GameID, Currency: s.Currency, Locale: s.Locale,
		Constraints: &providerv1.Constraints{RgFlags: flags(s.Told, s.CreatedAt)}, Status: providerv1.SessionStatus(s.Status), BrandId: s.Brand,
		Region: s.Region, ProviderId: s.Provider, Version: s.Version, CreatedAt: stamp(s.CreatedAt), ExpiresAt: stamp(s.ExpiresAt),
		EndedAt: stamp(s.EndedAt),
	}
	if s.MaxBetMinor != state.NoLimit {
		message.Constraints.MaxBet = proto.String(money.Format(s.MaxBetMinor, s.Currency))
	}
	return message
}

// Round writes a round with the bets that were made in it.
func Round(r *state.Round, count state.BetCount) *providerv1.Round {
	return &providerv1.Round{
		RoundId: r.RoundID(), GameId: r.GameID, Status: providerv1.RoundStatus(r.Status), Bets: count.Bets, OpenBets: count.Open,
		Version: r.Version, CreatedAt: stamp(r.CreatedAt), ClosedAt: stamp(r.ClosedAt),
	}
}

// Bet writes a bet without its results.
func Bet(b *state.Bet) *providerv1.Bet {
	message := &providerv1.Bet{
		BetId: b.BetID(), RoundId: b.RoundID, SessionId: b.SessionID, PlayerId: b.PlayerID, GameId: b.GameID,
		Status: providerv1.BetStatus(b.Status), HoldId: b.HoldID(), BrandId: b.Brand, Region: b.Region, ProviderId: b.Provider,
		Version: b.Version, CreatedAt: stamp(b.CreatedAt), UpdatedAt: stamp(b.UpdatedAt),
	}
	if !b.Tombstone() {
		message.Amount, message.Win = sum(b.Currency, b.AmountMinor), sum(b.Currency, b.WonMinor)
	}
	for _, given := range b.Contributions {
		message.Contributions = append(message.Contributions, &providerv1.JackpotContribution{
			JackpotId: given.JackpotID, Amount: sum(b.Currency, given.AmountMinor),
		})
	}
	if b.Bonus != nil {
		message.BonusId, message.BonusAmount = b.Bonus.BonusID(), sum(b.Currency, b.Bonus.Minor)
	}
	return message
}

// Settlement writes a result of a bet.
func Settlement(s *state.Settlement) *providerv1.Settlement {
	message := &providerv1.Settlement{
		SettlementId: s.SettlementID, BetId: s.BetID, RoundId: s.RoundID, ResultId: s.ResultID, Win: sum(s.Currency, s.WinMinor),
		Partial: s.Partial, CreatedAt: stamp(s.CreatedAt),
	}
	if s.Bonus != nil {
		message.BonusState = &providerv1.BonusState{InBonus: s.Bonus.InBonus, FreespinsLeft: s.Bonus.FreespinsLeft}
	}
	return message
}

// playMessage is Message for the rows of the dialect of providers.
func playMessage(row state.Row) proto.Message {
	switch row := row.(type) {
	case *state.Player:
		return Player(row, row.UpdatedAt)
	case *state.Session:
		return Session(row)
	case *state.Round:
		return Round(row, state.BetCount{})
	case *state.Bet:
		return Bet(row)
	case *state.Settlement:
		return Settlement(row)
	case *state.Sandbox:
		return &providerv1.Sandbox{ProviderId: row.Provider(), Generation: row.Generation, ResetAt: stamp(row.ResetAt)}
	case *state.Jackpot:
		return Jackpot(row, 0)
	case *state.JackpotTrigger:
		return JackpotTrigger(row)
	default:
		return nil
	}
}

// playEvent is Event for the rows of the dialect of providers; nil for rows that have no events.
func playEvent(change domain.Change, at time.Time) proto.Message {
	switch after := change.After.(type) {
	case *state.Player:
		return &providerv1.PlayerChanged{
			PlayerId: after.PlayerID(), BrandId: after.Brand, Region: after.Region, Currency: after.Currency, Seq: after.Version,
			OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
		}
	case *state.Session:
		return &providerv1.SessionChanged{
			SessionId: after.SessionID(), PlayerId: after.PlayerID, GameId: after.GameID, BrandId: after.Brand, Region: after.Region,
			ProviderId: after.Provider, Currency: after.Currency, ExpiresAt: stamp(after.ExpiresAt), EndedAt: stamp(after.EndedAt),
			Reason: change.Reason, Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion,
		}
	case *state.Round:
		return &providerv1.RoundChanged{
			RoundId: after.RoundID(), GameId: after.GameID, ProviderId: after.Provider, Seq: after.EventSeq(), OccurredAt: stamp(at),
			SchemaVersion: SchemaVersion,
		}
	case *state.Bet:
		return betEvent(change, after, at)
	case *state.Jackpot:
		return jackpotEvent(change, after, at)
	default:
		return nil
	}
}

func betEvent(change domain.Change, after *state.Bet, at time.Time) proto.Message {
	bet := Bet(after)
	message := &providerv1.BetChanged{
		BetId: bet.BetId, RoundId: bet.RoundId, SessionId: bet.SessionId, PlayerId: bet.PlayerId, GameId: bet.GameId, BrandId: bet.BrandId,
		Region: bet.Region, ProviderId: bet.ProviderId, Bet: bet.Amount, Win: bet.Win, Status: bet.Status, Results: after.Results,
		Seq: after.Version, OccurredAt: stamp(at), SchemaVersion: SchemaVersion, Reason: change.Reason,
		Contributions: bet.Contributions,
		BonusId:       bet.BonusId, BonusAmount: bet.BonusAmount,
	}
	if result, found := change.Beside.(*state.Settlement); found {
		message.Settlement = Settlement(result)
	}
	return message
}

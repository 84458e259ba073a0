package state_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/state"
)

func TestPlayedIsReadAsWritten(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	if text := state.EncodePlayed([]state.Played{{Period: state.Day, From: day, WageredMinor: 200, SessionSeconds: 60}}); text != "[1,1795305600,200,0,0,60]" {
		t.Error(text)
	}
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64()
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) state.Played {
			return state.Played{
				Period: rapid.SampledFrom(state.Periods()).Draw(t, "period"), From: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "from"), 0).UTC(),
				WageredMinor: amount.Draw(t, "wagered"), WonMinor: amount.Draw(t, "won"), DepositedMinor: amount.Draw(t, "deposited"),
				SessionSeconds: amount.Draw(t, "seconds"),
			}
		}), 0, 4).Draw(t, "all")
		read, err := state.DecodePlayed(state.EncodePlayed(all))
		if err != nil || len(read) != len(all) || len(all) > 0 && !reflect.DeepEqual(read, all) {
			t.Fatalf("%v was read as %v, %v", all, read, err)
		}
	})
}

func FuzzDecodePlayed(f *testing.F) {
	for _, text := range []string{"", "[1,2,3,4,5,6]", "[]", "[1]", "[1,2,3,4,5,x]", "[1,2,3,4,5,6", "[1,2,3,4,5,6,]", "null"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := state.DecodePlayed(text)
		if err != nil {
			return
		}
		if again, err := state.DecodePlayed(state.EncodePlayed(all)); err != nil || !reflect.DeepEqual(again, all) {
			t.Errorf("%q: %v, then %v, %v", text, all, again, err)
		}
	})
}

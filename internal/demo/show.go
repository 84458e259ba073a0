package demo

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/load/screen"
)

const (
	barWidth     = 28
	problemsTold = 10
	markWidth    = 18 // verdict and count of a check
)

// write writes the report for a person, or as JSON.
func (r *Report) write(options Options) error {
	if options.JSON {
		encoder := json.NewEncoder(options.Out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	}
	s := screen.New(options.Out)
	s.Title("%s orders by %s buyers at once, seed %d", screen.Count(int64(r.Orders)), screen.Count(int64(r.Clients)), r.Seed)
	r.showOrders(s)
	r.showMoney(s)
	r.showSpeed(s)
	r.showChecks(s)
	r.showNext(s, options)
	return nil
}

func (r *Report) showOrders(s *screen.Screen) {
	s.Section("Orders")
	var rows [][]string
	for _, status := range r.Statuses {
		rows = append(rows, []string{
			status.Status, screen.Count(int64(status.Orders)), screen.Percent(int64(status.Orders), int64(r.Orders)),
			s.Good(screen.Share(int64(status.Orders), int64(r.Orders), barWidth)),
		})
		for _, reason := range status.Reasons {
			rows = append(rows, []string{s.Faint("  " + reason.Status), s.Faint(screen.Count(int64(reason.Orders))), "", ""})
		}
	}
	s.Table([]string{"", "", "", "<"}, rows)
	s.Section("What the buyers did")
	rows = nil
	for _, story := range r.Stories {
		rows = append(rows, []string{story.Story, screen.Count(int64(story.Orders)), s.Faint(story.Ends)})
	}
	s.Table([]string{"", "", "<"}, rows)
}

func (r *Report) showMoney(s *screen.Screen) {
	s.Section("Money")
	var rows [][]string
	for _, sum := range r.Money {
		rows = append(rows, []string{
			sum.Currency, screen.Count(int64(sum.Orders)), screen.Amount(sum.Currency, sum.Ordered), screen.Amount(sum.Currency, sum.Captured),
			screen.Amount(sum.Currency, sum.Refunded), screen.Amount(sum.Currency, sum.Captured-sum.Refunded),
		})
	}
	s.Table([]string{"", "orders", "ordered", "captured", "refunded", "kept"}, rows)
}

func (r *Report) showSpeed(s *screen.Screen) {
	s.Section("Speed")
	millis := max(r.MostMillis, 1)
	s.Line("%s orders led to their end in %s: %s a second", screen.Count(int64(r.Most)),
		screen.Duration(time.Duration(millis)*time.Millisecond), screen.Count(int64(r.Most)*1000/millis))
	if slow := r.Orders - r.Most; slow > 0 {
		s.Line("%s", s.Faint(fmt.Sprintf("the other %d waited for a gateway whose answers were lost, to %s", slow,
			screen.Duration(time.Duration(r.Millis)*time.Millisecond))))
	}
	var rows [][]string
	for _, l := range r.Latency {
		if l.Count == 0 {
			continue
		}
		cells := []string{l.Name, screen.Count(l.Count)}
		for _, micros := range []int64{l.P50, l.P90, l.P99, l.Max} {
			cells = append(cells, screen.Duration(time.Duration(micros)*time.Microsecond))
		}
		rows = append(rows, cells)
	}
	s.Table([]string{"", "count", "p50", "p90", "p99", "max"}, rows)
}

func (r *Report) showChecks(s *screen.Screen) {
	s.Section("Checked")
	for _, check := range r.Checks {
		verdict := s.Good("ok      ")
		if !check.Holds {
			verdict = s.Bad("VIOLATED")
		}
		s.Wrapped(fmt.Sprintf("%s %7s  ", verdict, screen.Count(check.Count)), markWidth, check.What)
		if check.Detail != "" {
			s.Wrapped(strings.Repeat(" ", markWidth), markWidth, check.Detail)
		}
	}
	if len(r.Problems) == 0 {
		return
	}
	s.Section("Orders that did not end as they must")
	for i, problem := range r.Problems {
		if i == problemsTold {
			s.Line("and %d more", len(r.Problems)-i)
			break
		}
		s.Wrapped(s.Bad("! "), 2, problem)
	}
}

func (r *Report) showNext(s *screen.Screen, options Options) {
	s.Section("Where to look next")
	if options.Again != "" {
		s.Line("%s", s.Faint("start the server again over these orders:"))
		s.Line("%s", options.Again)
	}
	for _, line := range []struct{ about, command string }{
		{"the newest orders", fmt.Sprintf("curl -s 'http://%s/v1/orders?page_size=3'", options.APIAddr)},
		{"the life of one of them, step by step", fmt.Sprintf("curl -s http://%s/v1/orders/%s/timeline", options.APIAddr, r.Example)},
		{"the documentation of the API", fmt.Sprintf("http://%s/docs", options.APIAddr)},
		{"the metrics", fmt.Sprintf("http://%s/metrics", options.OpsAddr)},
	} {
		s.Line("%s", s.Faint(line.about+":"))
		s.Line("%s", line.command)
	}
	s.Line("")
}

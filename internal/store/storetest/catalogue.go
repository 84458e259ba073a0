package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
)

// catalogueTests are about prices: they are read without a lock, and nothing is lost by that.
var catalogueTests = []test{
	{name: "prices by SKU in byte order, page by page, without withdrawn ones", run: testPrices},
	{name: "of two batches that change a price, the second is refused", concurrent: true, run: testPriceChangedTwice},
	{name: "looking at a price waits for nobody who looks at it too", concurrent: true, run: testPriceLookedAt},
	{name: "a tenant without a catalogue that has one now is a conflict or seen", concurrent: true, run: testCatalogueOpened},
}

func sampleCatalogue() *state.Catalogue {
	return &state.Catalogue{Tenant: tenant, ID: state.CatalogueID, OpenedAt: longAgo()}
}

func samplePrice(sku string) *state.Price {
	return &state.Price{
		Tenant: tenant, SKU: sku, Currency: "EUR", AmountMinor: 1<<53 - 1, Withdrawn: true, Version: 3, UpdatedAt: longAgo(),
	}
}

func listedPrice(sku string) *state.Price {
	price := samplePrice(sku)
	price.Withdrawn = false
	return price
}

func testPrices(s *suite) {
	changes := newBatch()
	insert(changes, sampleCatalogue(), samplePrice("gone"))
	listed := map[string]*state.Price{"a": listedPrice("a"), "Z": listedPrice("Z")}
	for i := range 5 {
		sku := fmt.Sprintf("SKU-%d", i)
		listed[sku] = listedPrice(sku)
		insert(changes, listed[sku])
	}
	other := listedPrice("SKU-9")
	other.Tenant = "other"
	s.put(insert(changes, other, listed["a"], listed["Z"]))
	var pages []string
	for after := ""; ; {
		page, err := s.store.Prices(s.context(), tenant, after, 3)
		s.must(err)
		if len(page) == 0 {
			break
		}
		names := make([]string, len(page))
		for i, price := range page {
			names[i], after = price.SKU, price.SKU
			s.same(price.SKU, price, listed[price.SKU])
		}
		pages = append(pages, strings.Join(names, " "))
	}
	s.same("pages", pages, []string{"SKU-0 SKU-1 SKU-2", "SKU-3 SKU-4 Z", "a"})
	some, err := s.store.PricesOf(s.context(), tenant, []string{"a", "gone", "SKU-9", "SKU-2", "none"})
	s.must(err)
	s.same("some", some, []*state.Price{listed["SKU-2"], listed["a"]})
}

func testPriceChangedTwice(s *suite) {
	s.put(insert(newBatch(), sampleCatalogue(), listedPrice("P")))
	s.get(listedPrice("P").Ref())
	need := state.Need{Refs: []state.Ref{listedPrice("P").Ref()}}
	first, second := s.begin(need), s.begin(need)
	changed := func(amount int64) *state.Changes {
		price := listedPrice("P")
		price.AmountMinor, price.Version = amount, 4
		return update(newBatch(), price)
	}
	s.must(first.commit(changed(1)))
	s.wantError(second.commit(changed(2)), state.ErrConflict)
	if price, ok := s.get(need.Refs[0]).(*state.Price); !ok || price.AmountMinor != 1 {
		s.Fatalf("price = %+v", price)
	}
}

func testPriceLookedAt(s *suite) {
	s.put(insert(newBatch(), sampleCatalogue(), listedPrice("P")))
	need := state.Need{Refs: []state.Ref{sampleCatalogue().Ref(), listedPrice("P").Ref()}}
	first, second := s.begin(need), s.begin(need)
	s.must(second.commit(insert(newBatch(), sampleOrder(longAgo()))))
	s.must(first.commit(insert(newBatch(), sampleOrder(longAgo()))))
}

// testCatalogueOpened has a batch that remembers that there is no catalogue, after another has made one: whether the store has
// remembered it or reads it again, it must not store an order on the strength of it.
func testCatalogueOpened(s *suite) {
	need := state.Need{Refs: []state.Ref{sampleCatalogue().Ref()}}
	s.must(s.begin(need).commit(insert(newBatch(), sampleOrder(longAgo())))) // now its absence may be remembered
	assuming := s.begin(need)
	if !assuming.loaded().Assumed {
		s.Skip("the store does not remember rows")
	}
	s.put(insert(newBatch(), sampleCatalogue(), listedPrice("P")))
	err := assuming.commit(insert(newBatch(), sampleOrder(longAgo())))
	if !errors.Is(err, state.ErrConflict) {
		s.Fatalf("error = %v: an order rests on a catalogue that was not there any more", err)
	}
	if s.get(need.Refs[0]) == nil {
		s.Fatal("the catalogue is not seen")
	}
}

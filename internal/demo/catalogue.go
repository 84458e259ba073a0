package demo

import (
	"math/rand/v2"
	"strconv"
)

// product is something to buy; its price is in euro cents.
type product struct {
	sku   string
	cents int64
}

var (
	things = []struct {
		name  string
		cents int64
	}{
		{"mug", 1290}, {"teapot", 3490}, {"lantern", 2450}, {"candle", 690}, {"cushion", 1990}, {"blanket", 4990},
		{"clock", 3990}, {"doormat", 2790}, {"tray", 1590}, {"jar", 450}, {"bunting", 1150}, {"lamp", 8900},
	}
	kinds = []string{"white", "red", "blue", "oak", "birch", "small", "large", "vintage", "star", "heart", "stripes", "dots"}
)

// catalogue lists every thing in every kind, the well-liked ones first.
func catalogue(random *rand.Rand) []product {
	var all []product
	for _, thing := range things {
		for i, kind := range kinds {
			all = append(all, product{thing.name + "-" + kind, thing.cents + int64(i)*50})
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// pricing turns euro cents into the minor units of another currency, as a shop's price list does: a plain integer rule.
type pricing struct {
	currency string
	percent  int64 // minor units for a hundred euro cents
	step     int64 // prices are multiples of it
	shipping int64
	free     int64 // goods of so much are sent free of charge
}

// The price lists; a customer has one. Most are European.
var (
	euro   = pricing{"EUR", 100, 1, 490, 5000}
	pound  = pricing{"GBP", 86, 5, 395, 4500}
	dollar = pricing{"USD", 110, 5, 599, 6000}
	yen    = pricing{"JPY", 160, 10, 800, 8000} // a yen has no minor unit

	priceLists = []pricing{euro, euro, euro, euro, euro, euro, pound, pound, dollar, yen}
)

// price is what one piece costs.
func (p pricing) price(cents int64) int64 {
	return max(cents*p.percent/100/p.step, 1) * p.step
}

// customer names the n-th customer, who always buys by the same price list.
func customer(n uint64) (string, pricing) {
	return "customer-" + strconv.FormatUint(n, 10), priceLists[n*7%uint64(len(priceLists))]
}

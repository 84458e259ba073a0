// Package money is exact money: integer minor units of an ISO 4217 currency, at most 2^53-1 in size so that every JSON reader
// keeps them (requirement R-4). Nothing here knows a floating-point number.
package money

import "errors"

// Limit is the greatest size of an amount in minor units.
const Limit = 1<<53 - 1

// ErrOverflow says that a sum or product left ±Limit.
var ErrOverflow = errors.New("amount exceeds 9007199254740991 minor units")

// Add sums two amounts.
func Add(a, b int64) (int64, error) {
	if !inRange(a) || !inRange(b) {
		return 0, ErrOverflow
	}
	sum := a + b
	if !inRange(sum) {
		return 0, ErrOverflow
	}
	return sum, nil
}

// Multiply answers price × quantity.
func Multiply(price, quantity int64) (int64, error) {
	if price == 0 || quantity == 0 {
		return 0, nil
	}
	if !inRange(price) || !inRange(quantity) {
		return 0, ErrOverflow
	}
	product := price * quantity
	if product/quantity != price || !inRange(product) {
		return 0, ErrOverflow
	}
	return product, nil
}

func inRange(amount int64) bool { return amount >= -Limit && amount <= Limit }

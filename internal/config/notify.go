package config

import (
	"net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Notify are the settings of messages to users; it is a part of Config.
type Notify struct {
	SMTP            Place         `name:"smtp" group:"Notifications" placeholder:"URL" help:"Mail server: smtp://, smtps:// or smtp+plain://."`
	MailFrom        string        `group:"Notifications" placeholder:"ADDRESS" help:"Sender of e-mails, such as Shop <shop@example.org>."`
	SMS             Place         `name:"sms" group:"Notifications" placeholder:"URL" help:"SMS: twilio://ACCOUNT:TOKEN@HOST, or http(s)://."`
	SMSFrom         string        `name:"sms-from" group:"Notifications" placeholder:"NUMBER" help:"Sender of short messages at Twilio."`
	SMSSecret       Secret        `name:"sms-secret" group:"Notifications" placeholder:"SECRET" help:"Signs calls of an http(s):// --sms: whsec_…"`
	NotifyTemplates string        `group:"Notifications" placeholder:"FOLDER" help:"Templates that replace or add to those of the program."`
	NotifyLocale    string        `default:"en" group:"Notifications" help:"Locale of users whose own is unknown or has no template."`
	NotifyBurst     int           `default:"10" group:"Notifications" help:"Messages a user gets in --notify-per, 0 for any; more are delayed."`
	NotifyPer       time.Duration `default:"1h" group:"Notifications" help:"Time that --notify-burst is about."`
	NotifyAttempts  int           `default:"60" group:"Notifications" help:"Attempts after which a message is given up, about four hours."`
	ExpiryAlert     time.Duration `default:"5m" group:"Notifications" help:"Time before an unpaid order's end to tell its buyer; 0 for never."`
}

// HasMail tells whether a mail server is configured.
func (n *Notify) HasMail() bool { return n.SMTP != "" }

// Twilio tells whether short messages go by Twilio.
func (n *Notify) Twilio() bool { return n.SMS.hasScheme("twilio", "twilio+http") }

// checkNotify looks at the transports of messages.
func (c *Config) checkNotify(p *Problems) {
	c.checkMail(p)
	c.checkSMS(p)
	if c.NotifyBurst < 0 || c.NotifyBurst > 1_000_000 {
		p.add("--notify-burst=%d is out of range: write 0 to 1000000.", c.NotifyBurst)
	}
	if c.NotifyAttempts < 1 || c.NotifyAttempts > 1000 {
		p.add("--notify-attempts=%d is out of range: write 1 to 1000.", c.NotifyAttempts)
	}
	if c.NotifyPer <= 0 || c.NotifyPer > longestTimeout {
		p.add("--notify-per=%v is out of range: write a time above zero, such as 1h.", c.NotifyPer)
	}
	if c.ExpiryAlert < 0 || c.ExpiryAlert > longestTimeout {
		p.add("--expiry-alert=%v is out of range: write 0, or a time such as 5m.", c.ExpiryAlert)
	}
}

// checkMail looks at the mail server and the sender.
func (c *Config) checkMail(p *Problems) {
	sender, err := mail.ParseAddress(c.MailFrom)
	switch {
	case c.MailFrom == "" && c.SMTP != "":
		p.add("--smtp needs a sender: write --mail-from, such as shop@example.org.")
	case c.MailFrom != "" && (err != nil || strings.ContainsFunc(sender.Address, func(r rune) bool { return r > unicode.MaxASCII })):
		p.add("--mail-from=%q is no address that all mail servers take: write one of ASCII such as \"Shop <shop@example.org>\".", c.MailFrom)
	}
	if c.SMTP == "" {
		return
	}
	if !c.SMTP.hasScheme("smtp", "smtps", "smtp+plain") || parse(c.SMTP) != nil {
		p.add("--smtp=%s is no mail server: write smtp://USER:PASSWORD@HOST:587, smtps://HOST:465, or smtp+plain://HOST:25 without TLS.", c.SMTP)
		return
	}
	if server, err := url.Parse(c.SMTP.Reveal()); err == nil && c.SMTP.hasScheme("smtp+plain") {
		if !Loopback(server.Host) {
			p.add("--smtp=%s sends addresses and orders in the clear to another machine: write smtp:// or smtps://.", c.SMTP)
		}
		if _, found := server.User.Password(); found {
			p.add("--smtp=%s would send the password in the clear: write smtp:// or smtps://.", c.SMTP)
		}
	}
}

// checkSMS looks at the service of short messages, its sender and its secret.
func (c *Config) checkSMS(p *Problems) {
	if c.SMSSecret != "" && !webhookSecret(c.SMSSecret) {
		p.add("--sms-secret must be \"whsec_\" and 24 to 64 bytes in base64, such as `echo whsec_$(openssl rand -base64 32)` prints.")
	}
	if c.SMS == "" {
		return
	}
	if !c.SMS.hasScheme("twilio", "twilio+http", "http", "https") || parse(c.SMS) != nil {
		p.add("--sms=%s is no service: write twilio://ACCOUNT:TOKEN@api.twilio.com, or an https:// URL.", c.SMS)
		return
	}
	if c.SMS.hasScheme("twilio+http", "http") && !Loopback(hostOf(c.SMS.Reveal())) {
		p.add("--sms=%s sends numbers and orders in the clear to another machine: write twilio:// or an https:// URL.", c.SMS)
	}
	if c.Twilio() && c.SMSFrom == "" {
		p.add("--sms=%s needs a sender: write --sms-from, such as +15005550006.", c.SMS)
	}
	if server, err := url.Parse(c.SMS.Reveal()); err == nil && c.Twilio() && server.User.Username() == "" {
		p.add("--sms=%s names no account: write twilio://ACCOUNT:TOKEN@api.twilio.com.", c.SMS)
	}
}

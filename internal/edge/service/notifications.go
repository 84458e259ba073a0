package service

import (
	"context"
	"errors"
	"regexp"

	"golang.org/x/text/language"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/notification"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/message"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Notifications implements oms.v1.NotificationService.
type Notifications struct {
	omsv1.UnimplementedNotificationServiceServer
	*Environment
	Templates *message.Templates
	Notices   flow.Notices
}

// e164 is a telephone number with its country's code.
var e164 = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)

// PutContact implements the contract.
func (s *Notifications) PutContact(ctx context.Context, request *omsv1.PutContactRequest) (*omsv1.PutContactResponse, error) {
	locale, refusal := canonical("locale", request.Locale)
	if refusal := together(refusal, checkEmail("email", request.Email), checkPhone("phone", request.Phone)); refusal != nil {
		return nil, refusal
	}
	put := notification.PutContact{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant, UserID: request.UserId, Email: request.Email, Phone: request.Phone, Locale: locale,
		ExpectedVersion: request.ExpectedVersion,
	}
	for _, channel := range request.OptedOut {
		put.OptedOut = append(put.OptedOut, wire.ChannelName(channel))
	}
	answer, err := do[*omsv1.Contact](ctx, s.Environment, put)
	return &omsv1.PutContactResponse{Contact: answer}, err
}

// checkEmail refuses what is no address; "" is none.
func checkEmail(field, email string) *fault.Fault {
	if email == "" {
		return nil
	}
	if _, err := message.Deliverable(email); err != nil {
		return fault.Invalid(field, "ADDRESS_INVALID", "%s", err)
	}
	return nil
}

// checkPhone refuses what is no number; "" is none.
func checkPhone(field, phone string) *fault.Fault {
	if phone == "" || e164.MatchString(phone) {
		return nil
	}
	return fault.Invalid(field, "ADDRESS_INVALID", "must be a number of E.164 such as +4915112345678")
}

// together is the first of some refusals, which tells what all of them say of fields; nil when there is none.
func together(refusals ...*fault.Fault) *fault.Fault {
	var whole *fault.Fault
	for _, refusal := range refusals {
		switch {
		case refusal == nil:
		case whole == nil:
			whole = refusal
		default:
			whole.Violations = append(whole.Violations, refusal.Violations...)
		}
	}
	return whole
}

// canonical checks a locale and writes it as BCP 47 does; "" stays.
func canonical(field, locale string) (string, *fault.Fault) {
	if locale == "" {
		return "", nil
	}
	tag, err := language.Parse(locale)
	if err != nil {
		return "", fault.Invalid(field, "LOCALE_INVALID", "must be a locale of BCP 47 such as de-CH")
	}
	return tag.String(), nil
}

// GetContact implements the contract.
func (s *Notifications) GetContact(ctx context.Context, request *omsv1.GetContactRequest) (*omsv1.GetContactResponse, error) {
	found, err := s.View.Contact(ctx, edge.ScopeOf(ctx).Caller.Tenant, request.UserId)
	if err != nil {
		return nil, read(err, "contact of user", request.UserId)
	}
	if found.Forgotten {
		return nil, fault.NotFoundf("contact of user", request.UserId)
	}
	return &omsv1.GetContactResponse{Contact: wire.Contact(found)}, nil
}

// ForgetContact implements the contract.
func (s *Notifications) ForgetContact(ctx context.Context, request *omsv1.ForgetContactRequest) (*omsv1.ForgetContactResponse, error) {
	answer, err := do[*omsv1.Contact](ctx, s.Environment, notification.Forget{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant, UserID: request.UserId,
	})
	return &omsv1.ForgetContactResponse{Contact: answer}, err
}

// SendNotification implements the contract.
func (s *Notifications) SendNotification(ctx context.Context, request *omsv1.SendNotificationRequest,
) (*omsv1.SendNotificationResponse, error) {
	locale, refusal := canonical("locale", request.Locale)
	if refusal != nil {
		return nil, refusal
	}
	if request.OrderId != "" {
		if _, valid := id.Parse("order", request.OrderId); !valid {
			return nil, fault.Invalid("order_id", "ID_INVALID", "must be \"order:<uuid>\"")
		}
	}
	if !s.Templates.Has(request.Template) {
		return nil, fault.Invalid("template", "TEMPLATE_UNKNOWN", "there is no template %q", request.Template)
	}
	channel := wire.ChannelName(request.Channel)
	if refusal := s.fits(request.Template, channel, request.Parameters, locale); refusal != nil {
		return nil, refusal
	}
	send := notification.Send{
		Tenant: edge.ScopeOf(ctx).Caller.Tenant, UserID: request.UserId, Channel: channel, Template: request.Template, Locale: locale,
		Parameters: request.Parameters, OrderID: request.OrderId, Provider: s.Notices.Providers[channel], DueAt: moment(request.DueAt),
		Pace: s.Notices.Pace, Random: s.Random(),
	}
	if request.Deduplication != "" {
		send.ID = notification.DeduplicatedID(request.UserId, channel, request.Template, request.Deduplication)
	}
	answer, err := do[*omsv1.Notification](ctx, s.Environment, send)
	return &omsv1.SendNotificationResponse{Notification: answer}, err
}

// fits tells which parameter the template cannot be filled with for the channel. The engine's words are for operators.
func (s *Notifications) fits(template, channel string, parameters map[string]string, locale string) *fault.Fault {
	_, err := s.Templates.Render(template, channel, parameters, locale)
	var unfit *message.Unfit
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unfit):
		return fault.Invalid(unfit.Field(), "PARAMETERS_UNFIT", "%s", unfit.Problem).Because(err)
	default:
		return fault.Invalid("parameters", "PARAMETERS_UNFIT", "do not fit the template").Because(err)
	}
}

// CancelNotification implements the contract.
func (s *Notifications) CancelNotification(ctx context.Context, request *omsv1.CancelNotificationRequest,
) (*omsv1.CancelNotificationResponse, error) {
	c := prepare(ctx)
	found, err := s.View.Notification(ctx, c.Tenant, request.NotificationId) // its user never changes
	if err != nil {
		return nil, read(err, "notification", request.NotificationId)
	}
	c.Steps = flow.Withdraw(c.Tenant, found.UserID, found.ID, notification.ReasonWithdrawn, true)
	answer, err := submit(ctx, s.Environment, c, &omsv1.Notification{})
	return &omsv1.CancelNotificationResponse{Notification: answer}, err
}

// GetNotification implements the contract.
func (s *Notifications) GetNotification(ctx context.Context, request *omsv1.GetNotificationRequest,
) (*omsv1.GetNotificationResponse, error) {
	tenant := edge.ScopeOf(ctx).Caller.Tenant
	found, err := s.View.Notification(ctx, tenant, request.NotificationId)
	if err != nil {
		return nil, read(err, "notification", request.NotificationId)
	}
	return &omsv1.GetNotificationResponse{Notification: wire.Notification(found)}, nil
}

// ListNotifications implements the contract.
func (s *Notifications) ListNotifications(ctx context.Context, request *omsv1.ListNotificationsRequest,
) (*omsv1.ListNotificationsResponse, error) {
	caller := edge.ScopeOf(ctx).Caller
	query := state.NotificationQuery{
		Tenant: caller.Tenant, UserID: request.UserId, OrderID: request.OrderId, Limit: int(request.PageSize),
	}
	if query.Limit == 0 {
		query.Limit = defaultPage
	}
	binding := []string{"notifications", caller.Tenant, caller.Principal, request.UserId, request.OrderId}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		query.BeforeID = position
	}
	limit := query.Limit
	query.Limit++
	found, err := s.View.Notifications(ctx, query)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListNotificationsResponse{}
	if len(found) > limit {
		found = found[:limit]
		response.NextPageToken = s.Sealer.Seal(found[limit-1].ID, binding...)
	}
	for _, n := range found {
		response.Notifications = append(response.Notifications, wire.Notification(n))
	}
	return response, nil
}

// PreviewTemplate implements the contract.
func (s *Notifications) PreviewTemplate(_ context.Context, request *omsv1.PreviewTemplateRequest) (*omsv1.PreviewTemplateResponse, error) {
	locale, refusal := canonical("locale", request.Locale)
	if refusal != nil {
		return nil, refusal
	}
	if !s.Templates.Has(request.Name) {
		return nil, fault.NotFoundf("template", request.Name)
	}
	text, err := s.Templates.Render(request.Name, "", s.Templates.Sample(request.Name), locale)
	if err != nil { // it was tried at the start
		return nil, fault.From(err)
	}
	return &omsv1.PreviewTemplateResponse{
		Locale: text.Locale, Subject: text.Subject, Text: text.Plain, Html: text.HTML, Sms: text.SMS,
	}, nil
}

package notify

import (
	"net/http"
	"net/http/httptrace"
)

// traced answers the request so that sent becomes true when any of it may have left.
func traced(request *http.Request, sent *bool) *http.Request {
	return request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { *sent = true },
	}))
}

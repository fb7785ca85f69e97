package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// ErrConflict says that somebody else has changed a document first.
var ErrConflict = errors.New("changed by somebody else meanwhile")

// Document is a document with the version on which changes to it are conditional.
type Document struct {
	Found              bool
	SeqNo, PrimaryTerm int64
	Source             json.RawMessage
}

// GetDocument reads a document as it is now, also before a refresh. A document or index
// that doesn't exist is not an error.
func (c *Client) GetDocument(ctx context.Context, index, id string) (Document, error) {
	body, err := c.call(ctx, "get", idempotent, get(index, "_doc", id))
	if HasStatus(err, http.StatusNotFound) {
		return Document{}, nil
	}
	if err != nil {
		return Document{}, err
	}
	doc, err := parseDocument(body)
	if err != nil {
		return Document{}, fmt.Errorf("get %s/%s: %w", index, id, err)
	}
	return doc, nil
}

// parseDocument reads the answer to a get or a write of a document.
func parseDocument(body []byte) (Document, error) {
	var a struct {
		Found  bool            `json:"found"`
		SeqNo  int64           `json:"_seq_no"`
		Term   int64           `json:"_primary_term"`
		Source json.RawMessage `json:"_source"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return Document{}, err
	}
	return Document{a.Found, a.SeqNo, a.Term, a.Source}, nil
}

// PutDocument writes a document if it is still as it was when it was read: not there,
// or of that version. Otherwise the error is [ErrConflict]. It is sent once only:
// after an error that is no answer, nobody knows whether it was written.
func (c *Client) PutDocument(ctx context.Context, index, id string, was Document, source []byte) (Document, error) {
	r := put(index, "_doc", id).json(source)
	if was.Found {
		r = r.with("if_seq_no", strconv.FormatInt(was.SeqNo, 10), "if_primary_term", strconv.FormatInt(was.PrimaryTerm, 10))
	} else {
		r = r.with("op_type", "create")
	}
	body, err := c.call(ctx, "index", once, r)
	if HasStatus(err, http.StatusConflict) {
		return Document{}, fmt.Errorf("%s/%s: %w", index, id, ErrConflict)
	}
	if err != nil {
		return Document{}, err
	}
	doc, err := parseDocument(body)
	if err != nil {
		return Document{}, fmt.Errorf("index %s/%s: %w", index, id, err)
	}
	return Document{true, doc.SeqNo, doc.PrimaryTerm, source}, nil
}

// CreateIndex makes an index with these settings; one that exists already is left as
// it is.
func (c *Client) CreateIndex(ctx context.Context, index string, settings map[string]string) error {
	request, err := json.Marshal(map[string]any{"settings": settings})
	if err != nil {
		return fmt.Errorf("create index %s: %w", index, err)
	}
	_, err = c.call(ctx, "indices.create", idempotent, put(index).json(request))
	var api *APIError
	if errors.As(err, &api) && api.Type == "resource_already_exists_exception" {
		return nil
	}
	return err
}

package registry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// retry decides whether to try again, waits, and determines the offset to
// continue at.
func (s *sender) retry(err error) (bool, error) {
	if s.reader.Err() != nil || s.ctx.Err() != nil {
		return false, context.Cause(s.ctx)
	}
	var session *sessionError
	if errors.As(err, &session) {
		return false, nil
	}
	if remedy := s.remedy(err); remedy != nil {
		return remedy()
	}
	after, ok := s.repo.client.mayRetry(s.repo.host(), err)
	if isSilent(err) {
		s.silent++
	}
	if isDamaged(err) {
		s.damaged++
	}
	if !ok || s.tries >= maxRetries || s.silent > silentRetries || s.damaged > damagedRetries {
		return false, nil
	}
	if err := s.wait(after, err); err != nil {
		return false, err
	}
	return true, s.resume()
}

// remedy returns what to change before the next attempt after a refusal. It
// returns nil if nothing has to be changed, or if there was no refusal.
func (s *sender) remedy(err error) func() (retry bool, err error) {
	var refusal *ResponseError
	if !errors.As(err, &refusal) {
		return nil
	}
	var chunk *chunkError
	isChunk := errors.As(err, &chunk)
	status := refusal.StatusCode
	switch {
	case status == http.StatusRequestEntityTooLarge && isChunk:
		return func() (bool, error) { return s.sendLess(chunk.size) }
	case status == http.StatusRequestEntityTooLarge:
		return func() (bool, error) { return s.sendLess(s.desc.Size) }
	case status == http.StatusUnauthorized && !s.renewed:
		return func() (bool, error) {
			// The token expired during the request. The next request, which has
			// no body, gets a new one.
			s.renewed = true
			return true, s.resume()
		}
	case isChunk && status == http.StatusRequestedRangeNotSatisfiable && s.tries < maxRetries:
		return func() (bool, error) {
			s.tries++
			return true, s.resume()
		}
	case s.resumed && slices.Contains(refusal.Codes, "DIGEST_INVALID"):
		return func() (bool, error) {
			// The registry has stored some bytes twice, so start over.
			s.resumed = false
			s.again()
			return true, s.wait(0, err)
		}
	case s.lostSession(refusal) && s.tries < maxRetries:
		return func() (bool, error) {
			s.session = nil
			return true, s.wait(0, err)
		}
	case isChunk && s.offset == 0 && refusesChunks(status):
		return func() (bool, error) {
			s.repo.chunks.refuse()
			s.again()
			return true, nil
		}
	}
	return nil
}

// sendLess starts over with smaller chunks, if there are any.
func (s *sender) sendLess(tooLarge int64) (bool, error) {
	if !s.repo.chunks.shrink(tooLarge) {
		return false, nil
	}
	s.again()
	return true, nil
}

// lostSession reports whether the registry has forgotten the session, by a
// restart for instance.
func (s *sender) lostSession(refusal *ResponseError) bool {
	return s.session != nil && refusal.StatusCode == http.StatusNotFound &&
		(s.offset > 0 || slices.Contains(refusal.Codes, "BLOB_UPLOAD_UNKNOWN"))
}

func refusesChunks(status int) bool {
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError &&
		status != http.StatusForbidden && status != http.StatusUnauthorized && status != http.StatusTooManyRequests ||
		status == http.StatusNotImplemented
}

func (s *sender) wait(after time.Duration, cause error) error {
	s.tries++
	return s.repo.client.backoff.wait(s.ctx, s.tries-1, after, "pushing blob "+short(s.desc.Digest), cause)
}

// again starts over with a new session.
func (s *sender) again() {
	if s.session != nil {
		s.session.cancel(s.ctx)
	}
	s.session = nil
}

// resume queries the offset of the session. The upload starts over if it was
// not sent in chunks, or if the query fails, because the offset is then not
// reliable.
func (s *sender) resume() error {
	size, refused := s.repo.chunks.get()
	if s.session == nil || refused || s.desc.Size <= size {
		s.again()
		return nil
	}
	offset, err := s.session.offset(withRetries(s.ctx, 1))
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if err != nil || offset > s.desc.Size {
		s.again()
		return nil
	}
	s.offset, s.resumed = offset, true
	s.progress()
	return nil
}

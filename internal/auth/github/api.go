package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"tallystick/internal/auth"
	"tallystick/internal/auth/peer"
)

// perPage is the most that GitHub lists at once; pages the most that are asked for: who is in a
// thousand organisations is not everybody's concern.
const (
	perPage = 100
	pages   = 10
)

// An api is GitHub's REST API, version 2022-11-28, as the holder of a token sees it.
type api struct {
	client *http.Client
	url    string
}

// An account is somebody, or an organisation or a team, as GitHub tells them.
type account struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

func (a api) user(ctx context.Context) (who account, err error) {
	err = a.get(ctx, "/user", &who)
	if err == nil && (who.ID <= 0 || who.Login == "") {
		err = fmt.Errorf("%w: the user has no number or no name", auth.ErrUnavailable)
	}
	return who, err
}

func (a api) orgs(ctx context.Context) ([]int64, error) { return a.list(ctx, "/user/orgs") }

func (a api) teams(ctx context.Context) ([]int64, error) { return a.list(ctx, "/user/teams") }

// list returns the numbers of what is listed, all pages of it.
func (a api) list(ctx context.Context, path string) (numbers []int64, err error) {
	for page := 1; page <= pages; page++ {
		var some []account
		if err := a.get(ctx, fmt.Sprintf("%s?per_page=%d&page=%d", path, perPage, page), &some); err != nil {
			return nil, err
		}
		for _, o := range some {
			numbers = append(numbers, o.ID)
		}
		if len(some) < perPage {
			break
		}
	}
	return numbers, nil
}

// get decodes what is at a path. The error wraps auth.ErrUnavailable.
func (a api) get(ctx context.Context, path string, to any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/vnd.github+json")
	r.Header.Set("X-Github-Api-Version", "2022-11-28")
	resp, err := a.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", auth.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return peer.Unexpected(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(to); err != nil {
		return fmt.Errorf("%w: %s: %w", auth.ErrUnavailable, path, err)
	}
	return nil
}

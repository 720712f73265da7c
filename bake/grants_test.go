package bake

import "github.com/extpack/extpack/internal/grants"

// all grants everything, for tests about something else.
var all = []grants.Grant{
	{Kind: grants.Secret, Value: grants.Any},
	{Kind: grants.SSH},
	{Kind: grants.CacheFrom, Value: grants.Any},
	{Kind: grants.CacheTo, Value: grants.Any},
	{Kind: grants.Context, Value: grants.Any},
	{Kind: grants.AddHost, Value: grants.Any},
	{Kind: grants.NetworkHost},
	{Kind: grants.Files, Value: grants.Any},
}

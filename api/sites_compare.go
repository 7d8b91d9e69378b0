package api

import (
	"context"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

type versionChangesInput struct {
	ID      string `path:"id" format:"uuid"`
	Version int    `path:"version" minimum:"1" maximum:"2147483647"`
	Since   int    `query:"since" minimum:"0" maximum:"2147483647" doc:"An earlier version; the one before unless told"`
}

type versionChangesOutput struct {
	Body VersionChanges
}

// VersionChanges is what a version shows otherwise than an earlier one.
type VersionChanges struct {
	Version int `json:"version"`
	Since   int `json:"since" doc:"The earlier one; 0 for nothing, before the first"`
	site.Change
}

func compareSiteVersions(a *API, ctx context.Context, caller auth.Caller, in *versionChangesInput) (*versionChangesOutput, error) {
	after, err := a.config.Sites.Version(ctx, caller.Tenant, in.ID, in.Version)
	if err != nil {
		return nil, err
	}
	since := in.Since
	if since == 0 {
		since = in.Version - 1
	}
	if since >= in.Version {
		return nil, invalid("query.since", "it must be an earlier version")
	}
	if since == 0 {
		return &versionChangesOutput{VersionChanges{in.Version, 0, site.Compare(nil, after.Version)}}, nil
	}
	before, err := a.config.Sites.Version(ctx, caller.Tenant, in.ID, since)
	return &versionChangesOutput{VersionChanges{in.Version, since, site.Compare(&before.Version, after.Version)}}, err
}

package integration

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/scenarios"
)

// The images a run uses unless Options or the environment name others: the official
// ones, and those that `make images` assembles where no image registry can be reached.
const (
	OfficialESImage    = "docker.elastic.co/elasticsearch/elasticsearch:8.19.0"
	OfficialProxyImage = "ghcr.io/shopify/toxiproxy:2.12.0"
	LocalESImage       = "shardquake/elasticsearch:8.19.0-local"
	LocalProxyImage    = "shardquake/toxiproxy:2.12.0-local"

	// EnvESImage and EnvProxyImage name the images in the environment.
	EnvESImage    = "SHARDQUAKE_ES_IMAGE"
	EnvProxyImage = "SHARDQUAKE_TOXIPROXY_IMAGE"
)

// imageLabel is set on the images of integration/images; its value tells what an
// image is. The local Elasticsearch has no x-pack and refuses to start with settings
// of it; the official one needs security switched off.
const (
	imageLabel   = "org.shardquake.image"
	imageLocalES = "elasticsearch-local"
)

// image is an image found on this machine.
type image struct {
	name  string
	local bool // assembled here, without x-pack
}

// imageChoice is where an image's name may come from: the option, else the environment,
// else the first of the defaults that is present.
type imageChoice struct {
	what, option, env string
	defaults          []string
}

var (
	esChoice    = imageChoice{what: "Elasticsearch", env: EnvESImage, defaults: []string{OfficialESImage, LocalESImage}}
	proxyChoice = imageChoice{what: "toxiproxy", env: EnvProxyImage, defaults: []string{OfficialProxyImage, LocalProxyImage}}
)

// findImage returns the image to use. Nothing is pulled: a run must not hang on a
// registry that can't be reached, and half a gigabyte is the user's to decide.
func findImage(ctx context.Context, docker *client.Client, choice imageChoice) (image, error) {
	names := choice.defaults
	for _, name := range []string{os.Getenv(choice.env), choice.option} {
		if name != "" {
			names = []string{name}
		}
	}
	for _, name := range names {
		found, err := docker.ImageInspect(ctx, name)
		switch {
		case err == nil:
			local := found.Config != nil && found.Config.Labels[imageLabel] == imageLocalES
			return image{name: name, local: local}, nil
		case !errdefs.IsNotFound(err):
			return image{}, fmt.Errorf("looking for image %s: %w", name, err)
		}
	}
	return image{}, fmt.Errorf("%w: no %s image on this machine: `docker pull %s` where a registry can be reached,"+
		" `make images` where not; %s names another (looked for %v)",
		scenarios.ErrUnavailable, choice.what, choice.defaults[0], choice.env, names)
}

// prefer returns the choice with the option set.
func (c imageChoice) prefer(option string) imageChoice {
	c.option = option
	return c
}

// Available returns nil when a run could start here: a Docker daemon answers and has the
// images. Its error wraps scenarios.ErrUnavailable and says what to do.
func Available(ctx context.Context) error {
	_, err := (&Backend{}).available(ctx)
	return err
}

// available is the same with the backend's own images; it tells that of Elasticsearch.
func (b *Backend) available(ctx context.Context) (es image, err error) {
	docker, err := connect(ctx)
	if err != nil {
		return image{}, err
	}
	defer docker.Close() //nolint:errcheck // nothing depends on it
	if es, err = findImage(ctx, docker, esChoice.prefer(b.ESImage)); err != nil {
		return image{}, err
	}
	_, err = findImage(ctx, docker, proxyChoice.prefer(b.ProxyImage))
	return es, err
}

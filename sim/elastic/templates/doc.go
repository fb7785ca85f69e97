// Package templates says what a new index begins with: the settings, the mapping and the
// aliases that the templates of a cluster state give to its name, as
// MetadataIndexTemplateService composes them.
package templates

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings from a YAML file and from the environment. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "serve/config_parts.h"
#include "util/nearest.h"

#define FILE_MAX     (1 << 20)
#define SETTINGS_MAX WW_SERVE_SETTINGS
#define PATH_CHARS   128
#define SHOWN	     60 /* characters of a value in an error */

struct reading {
	struct ww_serve_config *config;
	struct ww_config_errors *errors;
	const char *file;
	yaml_document_t document;
	bool seen[SETTINGS_MAX]; /* by setting */
	int err;		 /* -ENOMEM */
};

#define COMPLAIN(reading, node, format, ...)                                                                           \
	ww_config_errors__add((reading)->errors, "%s:%zu:%zu: " format, (reading)->file, (node)->start_mark.line + 1,  \
			      (node)->start_mark.column + 1, ##__VA_ARGS__)

/* A scalar's text; NULL where it is none, or has a NUL in it. */
static const char *text_of(const yaml_node_t *node)
{
	const char *text = node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;

	return text && strlen(text) == node->data.scalar.length ? text : NULL;
}

/* How a node is called in an error. */
static const char *name_of(const yaml_node_t *node)
{
	return node->type == YAML_SEQUENCE_NODE ? "a list" : node->type == YAML_MAPPING_NODE ? "a map" : "a value";
}

static void note(struct reading *reading, const yaml_node_t *node, const struct ww_setting *setting, const char *text,
		 int err)
{
	if (err == -ENOMEM)
		reading->err = err;
	else if (err)
		COMPLAIN(reading, node, "%s: '%.*s' can't be that: give %s", setting->path, SHOWN, text, setting->says);
}

static void read_names(struct reading *reading, const struct ww_setting *setting, yaml_node_t *node)
{
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *glob = yaml_document_get_node(&reading->document, pair->key);
		yaml_node_t *name = yaml_document_get_node(&reading->document, pair->value);
		const char *left = text_of(glob), *right = text_of(name);
		int err = left && right ? ww_setting__add(setting, reading->config, left) : -EINVAL;

		if (!err && *right) {
			err = ww_setting__add(setting, reading->config, right);
		}
		if (err == -ENOMEM)
			reading->err = err;
		else if (err || !*right)
			COMPLAIN(reading, glob, "%s: give a glob of services and a name, as `python3:80*: shop`",
				 setting->path);
	}
}

static void read_list(struct reading *reading, const struct ww_setting *setting, yaml_node_t *node)
{
	yaml_node_item_t *item;

	/* A single one need not be a list. */
	if (text_of(node)) {
		note(reading, node, setting, text_of(node), ww_setting__add(setting, reading->config, text_of(node)));
		return;
	}
	for (item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		yaml_node_t *one = yaml_document_get_node(&reading->document, *item);

		if (!text_of(one))
			COMPLAIN(reading, one, "%s: %s is in the list: give %s", setting->path, name_of(one),
				 setting->says);
		else
			note(reading, one, setting, text_of(one),
			     ww_setting__add(setting, reading->config, text_of(one)));
	}
}

static void read_setting(struct reading *reading, const struct ww_setting *setting, yaml_node_t *node)
{
	const yaml_node_type_t wanted = setting->type == WW_SETTING_NAMES ? YAML_MAPPING_NODE
					: ww_setting__is_list(setting)	  ? YAML_SEQUENCE_NODE
									  : YAML_SCALAR_NODE;

	if (node->type != wanted && !(wanted == YAML_SEQUENCE_NODE && text_of(node))) {
		COMPLAIN(reading, node, "%s: it is %s: give %s", setting->path, name_of(node), setting->says);
		return;
	}
	reading->config->places[setting - ww_settings] =
		(struct ww_config_place){reading->file, node->start_mark.line + 1, node->start_mark.column + 1};
	if (ww_setting__is_list(setting))
		ww_setting__clear(setting, reading->config);
	if (setting->type == WW_SETTING_NAMES)
		read_names(reading, setting, node);
	else if (ww_setting__is_list(setting))
		read_list(reading, setting, node);
	else if (!text_of(node))
		COMPLAIN(reading, node, "%s: give %s", setting->path, setting->says);
	else
		note(reading, node, setting, text_of(node), ww_setting__set(setting, reading->config, text_of(node)));
}

/* Whether `path` is that of a section, "retention"; and what may stand in it, or beside it, for suggestions. */
static bool is_section(const char *path)
{
	size_t len = strlen(path);

	for (const struct ww_setting *setting = ww_settings; setting->path; setting++) {
		if (!strncmp(setting->path, path, len) && setting->path[len] == '.')
			return true;
	}
	return false;
}

/* The nearest key of a section ("" is the whole file) to one that is not there; "" when none is near. */
static void suggest(const char *section, const char *key, char suggestion[PATH_CHARS])
{
	const char *words[SETTINGS_MAX + 1], *near;
	char names[SETTINGS_MAX][PATH_CHARS];
	size_t len = 0, skip = strlen(section) + (*section != '\0');

	for (const struct ww_setting *setting = ww_settings; setting->path && len < SETTINGS_MAX; setting++) {
		if (strncmp(setting->path, section, strlen(section)) != 0 ||
		    (*section && setting->path[skip - 1] != '.'))
			continue;
		snprintf(names[len], PATH_CHARS, "%.*s", (int)strcspn(setting->path + skip, "."), setting->path + skip);
		words[len] = names[len];
		len++;
	}
	words[len] = NULL;
	near = ww_nearest(key, words);
	snprintf(suggestion, PATH_CHARS, "%s%s%s", near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "");
}

static void read_map(struct reading *reading, const char *section, yaml_node_t *map)
{
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(&reading->document, pair->key);
		yaml_node_t *value = yaml_document_get_node(&reading->document, pair->value);
		const char *name = text_of(key);
		const struct ww_setting *setting = ww_settings;
		char path[PATH_CHARS], suggestion[PATH_CHARS];

		if (!name || strlen(name) + strlen(section) + 2 > sizeof(path) || strchr(name, '.')) {
			suggest(section, name && strlen(name) < sizeof(path) ? name : "", suggestion);
			COMPLAIN(reading, key, "this is no setting%s; see docs/serve.md", suggestion);
			continue;
		}
		snprintf(path, sizeof(path), "%s%s%s", section, *section ? "." : "", name);
		while (setting->path && strcmp(setting->path, path) != 0)
			setting++;
		if (setting->path) {
			if (reading->seen[setting - ww_settings])
				COMPLAIN(reading, key, "%s: it is there twice; take one away", path);
			else
				read_setting(reading, setting, value);
			reading->seen[setting - ww_settings] = true;
		} else if (!*section && is_section(path)) {
			if (value->type == YAML_MAPPING_NODE)
				read_map(reading, path, value);
			else
				COMPLAIN(reading, value, "%s: it is %s: give settings of its own, indented below it",
					 path, name_of(value));
		} else {
			suggest(section, name, suggestion);
			COMPLAIN(reading, key, "%.*s: there is no such setting%s; see docs/serve.md", SHOWN, path,
				 suggestion);
		}
	}
}

static int result_of(const struct reading *reading, size_t before)
{
	if (reading->err)
		return reading->err;
	return reading->errors->len + reading->errors->more > before ? -EINVAL : 0;
}

int ww_serve_config__read(struct ww_serve_config *config, const char *file, const void *yaml, size_t len,
			  struct ww_config_errors *errors)
{
	struct reading reading = {.config = config, .errors = errors, .file = file};
	size_t before = errors->len + errors->more;
	yaml_parser_t parser;
	yaml_node_t *root;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, yaml, len);
	if (!yaml_parser_load(&parser, &reading.document)) {
		if (parser.error == YAML_MEMORY_ERROR)
			reading.err = -ENOMEM;
		else if (parser.error == YAML_READER_ERROR)
			ww_config_errors__add(errors, "%s: byte %zu is no UTF-8 text: %s", file, parser.problem_offset,
					      parser.problem ? parser.problem : "");
		else
			ww_config_errors__add(errors, "%s:%zu:%zu: this is no YAML: %s", file,
					      parser.problem_mark.line + 1, parser.problem_mark.column + 1,
					      parser.problem ? parser.problem : "");
		yaml_parser_delete(&parser);
		return result_of(&reading, before);
	}
	root = yaml_document_get_root_node(&reading.document);
	/* An empty file says nothing. */
	if (root && root->type == YAML_MAPPING_NODE)
		read_map(&reading, "", root);
	else if (root)
		COMPLAIN(&reading, root, "it is %s: give settings, as `listen: %s`", name_of(root), WW_SERVE_LISTEN);
	yaml_document_delete(&reading.document);
	/* What would come behind "---" would not be read. */
	if (root && yaml_parser_load(&parser, &reading.document)) {
		root = yaml_document_get_root_node(&reading.document);
		if (root)
			COMPLAIN(&reading, root, "a second document begins here; take it away");
		yaml_document_delete(&reading.document);
	}
	yaml_parser_delete(&parser);
	return result_of(&reading, before);
}

int ww_serve_config__read_file(struct ww_serve_config *config, const char *file, struct ww_config_errors *errors)
{
	char *yaml = malloc(FILE_MAX + 1);
	size_t len = 0;
	ssize_t got = 1;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (!yaml) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	while (fd >= 0 && got > 0 && len <= FILE_MAX) {
		got = read(fd, yaml + len, FILE_MAX + 1 - len);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			len += (size_t)got;
	}
	if (fd < 0 || got < 0) {
		ww_config_errors__add(errors, "%s: can't be read: %s", file, strerror(errno));
		err = -EINVAL;
	} else if (len > FILE_MAX) {
		ww_config_errors__add(errors, "%s: it is longer than %d bytes; is it the right file?", file, FILE_MAX);
		err = -EINVAL;
	} else {
		err = ww_serve_config__read(config, file, yaml, len, errors);
	}
	if (fd >= 0)
		close(fd);
	free(yaml);
	return err;
}

/* "WHYWAIT_RETENTION_AGE" */
static void variable_of(const struct ww_setting *setting, char name[PATH_CHARS])
{
	size_t len = (size_t)snprintf(name, PATH_CHARS, "WHYWAIT_%s", setting->path);

	for (size_t i = 0; i < len; i++)
		name[i] = name[i] == '.' ? '_' : (char)toupper((unsigned char)name[i]);
}

/* "A,B,.." */
static int set_list(const struct ww_setting *setting, struct ww_serve_config *config, const char *value)
{
	char *copy = strdup(value), *rest = copy, *part;
	int err = copy ? 0 : -ENOMEM;

	ww_setting__clear(setting, config);
	while (!err && (part = strsep(&rest, ",")))
		err = ww_setting__add(setting, config, part);
	free(copy);
	return err;
}

int ww_serve_config__read_environment(struct ww_serve_config *config, char *const *environment,
				      struct ww_config_errors *errors)
{
	size_t before = errors->len + errors->more;

	for (; *environment; environment++) {
		const char *value = strchr(*environment, '=');

		for (const struct ww_setting *setting = ww_settings; value && setting->path; setting++) {
			char name[PATH_CHARS];
			int err;

			/* Globs and names have no one form in a line. */
			if (setting->type == WW_SETTING_NAMES)
				continue;
			variable_of(setting, name);
			if (strncmp(*environment, name, strlen(name)) != 0 || (*environment)[strlen(name)] != '=')
				continue;
			config->places[setting - ww_settings] = (struct ww_config_place){.file = "environment"};
			err = ww_setting__is_list(setting) ? set_list(setting, config, value + 1)
							   : ww_setting__set(setting, config, value + 1);
			if (err == -ENOMEM)
				return err;
			if (err)
				ww_config_errors__add(errors, "%s: '%.*s' can't be that: give %s", name, SHOWN,
						      value + 1, setting->says);
		}
	}
	return errors->len + errors->more > before ? -EINVAL : 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ids of a recording's catalog that are free to be used again: what has got one since has no row yet. */
#include <stdlib.h>

#include "store/recorder_parts.h"

void ww_vacant__free(struct ww_vacant *vacant)
{
	free(vacant->services);
	free(vacant->endpoints);
	free(vacant->names);
	free(vacant->operations);
	*vacant = (struct ww_vacant){0};
}

static bool is_vacant_name(const struct ww_catalog *catalog, uint32_t id)
{
	return ww_intern__is_vacant(catalog->names, id);
}

static bool is_vacant_operation(const struct ww_catalog *catalog, uint32_t id)
{
	return ww_intern__is_vacant(catalog->operations, id);
}

/* Those below `len` that are vacant; false when out of memory. */
static bool find(const struct ww_catalog *catalog, uint32_t len,
		 bool (*is_vacant)(const struct ww_catalog *catalog, uint32_t id), uint32_t **ids, uint32_t *ids_len)
{
	uint32_t count = 0;

	for (uint32_t id = 0; id < len; id++)
		count += is_vacant(catalog, id);
	*ids_len = 0;
	*ids = count ? calloc(count, sizeof(**ids)) : NULL;
	if (!*ids)
		return !count;
	for (uint32_t id = 0; id < len; id++)
		if (is_vacant(catalog, id))
			(*ids)[(*ids_len)++] = id;
	return true;
}

int ww_vacant__find(struct ww_recorder *recorder)
{
	const struct ww_catalog *past = &recorder->past;
	struct ww_vacant *vacant = &recorder->vacant;

	ww_vacant__free(vacant);
	return find(past, past->services_len, ww_catalog__is_vacant_service, &vacant->services,
		    &vacant->services_len) &&
			       find(past, past->endpoints_len, ww_catalog__is_vacant_endpoint, &vacant->endpoints,
				    &vacant->endpoints_len) &&
			       find(past, ww_intern__len(past->names), is_vacant_name, &vacant->names,
				    &vacant->names_len) &&
			       find(past, ww_intern__len(past->operations), is_vacant_operation, &vacant->operations,
				    &vacant->operations_len)
		       ? SQLITE_OK
		       : SQLITE_NOMEM;
}

int ww_vacant__write(struct ww_recorder *recorder, const struct ww_catalog *catalog)
{
	const struct ww_vacant *vacant = &recorder->vacant;
	struct ww_rows *rows = &recorder->rows;
	int rc = SQLITE_OK;

	for (uint32_t i = 0; rc == SQLITE_OK && i < vacant->services_len; i++) {
		uint32_t id = vacant->services[i];

		if (!ww_catalog__is_vacant_service(catalog, id))
			rc = ww_rows__put_service(rows, id, &catalog->services[id]);
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < vacant->endpoints_len; i++) {
		uint32_t id = vacant->endpoints[i];

		if (!ww_catalog__is_vacant_endpoint(catalog, id))
			rc = ww_rows__put_endpoint(rows, id, &catalog->endpoints[id]);
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < vacant->names_len; i++) {
		uint32_t id = vacant->names[i];

		if (!is_vacant_name(catalog, id))
			rc = ww_rows__put_name(rows, id, ww_intern__get(catalog->names, id));
	}
	for (uint32_t i = 0; rc == SQLITE_OK && i < vacant->operations_len; i++) {
		uint32_t id = vacant->operations[i];

		if (!is_vacant_operation(catalog, id)) {
			const struct ww_catalog_operation name = ww_catalog__operation_name(catalog, id);

			rc = ww_rows__put_operation_name(rows, id, &name);
		}
	}
	return rc;
}

static void keep_vacant(const struct ww_catalog *catalog,
			bool (*is_vacant)(const struct ww_catalog *catalog, uint32_t id), uint32_t *ids, uint32_t *len)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < *len; i++)
		if (is_vacant(catalog, ids[i]))
			ids[kept++] = ids[i];
	*len = kept;
}

void ww_vacant__forget(struct ww_recorder *recorder, const struct ww_catalog *catalog)
{
	struct ww_vacant *vacant = &recorder->vacant;

	keep_vacant(catalog, ww_catalog__is_vacant_service, vacant->services, &vacant->services_len);
	keep_vacant(catalog, ww_catalog__is_vacant_endpoint, vacant->endpoints, &vacant->endpoints_len);
	keep_vacant(catalog, is_vacant_name, vacant->names, &vacant->names_len);
	keep_vacant(catalog, is_vacant_operation, vacant->operations, &vacant->operations_len);
}

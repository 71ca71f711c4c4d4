/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/packed_symbols.h"

#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>

#include "symbols/elf_tables.h"

#define UNPACKED_MOST (64u << 20) /* bytes: those of distributions are below one MiB */
#define MEMORY_MOST   (96u << 20) /* that unpacking takes: `xz -9` asks for 65 MiB */
#define FIRST	      (256u << 10)

/* Makes room for more; false when that would be too much. */
static bool make_room(lzma_stream *stream, uint8_t **unpacked, size_t *size)
{
	size_t len = *size - stream->avail_out, more = *size ? 2 * *size : FIRST;
	uint8_t *grown = more > UNPACKED_MOST ? NULL : realloc(*unpacked, more);

	if (!grown)
		return false;
	*unpacked = grown;
	*size = more;
	stream->next_out = grown + len;
	stream->avail_out = more - len;
	return true;
}

/* How much came of it, 0: not all of it did. `*unpacked` is to be freed in any case. */
static size_t unpack(const void *data, size_t len, uint8_t **unpacked)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t size = 0, got = 0;
	lzma_ret how = lzma_stream_decoder(&stream, MEMORY_MOST, 0);

	stream.next_in = data;
	stream.avail_in = len;
	while (how == LZMA_OK && (stream.avail_out || make_room(&stream, unpacked, &size)))
		how = lzma_code(&stream, LZMA_FINISH);
	if (how == LZMA_STREAM_END)
		got = size - stream.avail_out;
	lzma_end(&stream);
	return got;
}

/* All symbols that are in there have to be sound: which of them libdw takes is its own business. */
static bool is_sound(uint8_t *unpacked, size_t len)
{
	Elf *elf = ww_elf__open_memory(unpacked, len);
	bool sound = elf != NULL, any = false;

	for (Elf_Scn *section = NULL; sound && (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			sound = false;
		else if (header.sh_type == SHT_SYMTAB_SHNDX)
			sound = header.sh_size <= len && !(header.sh_flags & SHF_COMPRESSED);
		else if (header.sh_type == SHT_SYMTAB)
			any = sound = ww_elf__symbols_size(elf, &header) != 0;
	}
	elf_end(elf);
	return sound && any;
}

size_t ww_packed_symbols__size(const void *data, size_t len)
{
	uint8_t *unpacked = NULL;
	size_t size = unpack(data, len, &unpacked);

	if (size && !is_sound(unpacked, size))
		size = 0;
	free(unpacked);
	return size;
}

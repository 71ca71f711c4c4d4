/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ELF files that were made to take memory: what libdw would read, or unpack, has a bound, and what is honest has names.
 */
#include <errno.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "elf_files.h"
#include "symbols/elf_tables.h"
#include "symbols/image.h"
#include "symbols/packed_symbols.h"

#define MIB (1ull << 20)

/* What a file's code is called, which may be an address; "" when it is refused. What it keeps in memory. */
static size_t name_code(int fd, char name[WW_IMAGE_NAME])
{
	struct ww_image *image;

	*name = '\0';
	if (ww_image__open(&image, fd, "made"))
		return 0;
	ww_image__name(image, MADE_CODE + 4, name);
	size_t bytes = ww_image__bytes(image);
	ww_image__free(image);
	return bytes;
}

/* The sanitizers keep what was freed. */
static size_t resident_most(void)
{
#ifdef __SANITIZE_ADDRESS__
	return 0;
#endif
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss << 10;
}

static size_t pack(const void *bytes, size_t len, uint8_t **packed)
{
	size_t size = 1 << 20, used = 0; /* enough for what is packed here */

	*packed = malloc(size);
	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, bytes, len, *packed, &used, size), LZMA_OK);
	return used;
}

static void reads_honest_files(void **state)
{
	const struct made_part parts[] = {MADE_SYMTAB, MADE_STRTAB};
	char name[WW_IMAGE_NAME];

	(void)state;
	assert_in_range(name_code(make_elf(parts, 2), name), 1, MIB);
	assert_string_equal(name, "made_function");
}

/* A file of symbols, and packed by xz into another one. */
static int make_packed(const struct made_part *parts, unsigned count, size_t *size)
{
	uint8_t file[16384], *packed;
	int fd = make_elf(parts, count);
	ssize_t len = pread(fd, file, sizeof(file), 0);

	close(fd);
	assert_in_range(len, 1, sizeof(file) - 1);
	size_t packed_len = pack(file, (size_t)len, &packed);
	*size = ww_packed_symbols__size(packed, packed_len);
	const struct made_part outer = {
		.name = ".gnu_debugdata", .type = SHT_PROGBITS, .bytes = packed, .len = packed_len};
	fd = make_elf(&outer, 1);
	free(packed);
	return fd;
}

static void reads_packed_symbols(void **state)
{
	const struct made_part parts[] = {MADE_SYMTAB, MADE_STRTAB};
	char name[WW_IMAGE_NAME];
	size_t size;
	int fd = make_packed(parts, 2, &size);

	(void)state;
	assert_in_range(size, 0x2000, 0x4000);
	assert_in_range(name_code(fd, name), size, MIB);
	assert_string_equal(name, "made_function");
}

/* Symbols that contradict themselves: libdw divides by an entry's size. */
static void hides_unsound_symbols(void **state)
{
	struct made_part parts[] = {MADE_SYMTAB, MADE_STRTAB};
	char name[WW_IMAGE_NAME];
	size_t size;
	int fd;

	(void)state;
	parts[0].entry = 0;
	name_code(make_elf(parts, 2), name);
	assert_string_equal(name, "[made+0x1004]");
	fd = make_packed(parts, 2, &size);
	assert_int_equal(size, 0);
	name_code(fd, name);
	assert_string_equal(name, "[made+0x1004]");
	parts[0].entry = sizeof(Elf64_Sym);
	parts[0].link = 99;
	name_code(make_elf(parts, 2), name);
	assert_string_equal(name, "[made+0x1004]");
	parts[0].link = 3;
	parts[1].flags = SHF_COMPRESSED;
	close(make_packed(parts, 2, &size));
	assert_int_equal(size, 0);
}

/* As much as two hundred MiB of zeros is packed into a few dozen KiB. */
static void unpacks_no_bomb(void **state)
{
	const size_t len = 200 * MIB;
	uint8_t *zeros = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *packed;
	size_t packed_len = pack(zeros, len, &packed), before = resident_most();
	const struct made_part part = {
		.name = ".gnu_debugdata", .type = SHT_PROGBITS, .bytes = packed, .len = packed_len};
	char name[WW_IMAGE_NAME];

	(void)state;
	munmap(zeros, len);
	assert_in_range(packed_len, 1, MIB);
	assert_int_equal(ww_packed_symbols__size(packed, packed_len), 0);
	assert_in_range(name_code(make_elf(&part, 1), name), 1, MIB);
	assert_string_equal(name, "[made+0x1004]");
	assert_in_range(resident_most() - before, 0, 100 * MIB);
	assert_int_equal(ww_packed_symbols__size(packed, packed_len / 2), 0); /* and what is cut off is nothing */
	assert_int_equal(ww_packed_symbols__size("", 0), 0);
	free(packed);
}

/* Debug information is not looked at, and .debug_frame only as far as it has a size that linkers write. */
static void unpacks_no_debug_information(void **state)
{
	const Elf64_Chdr huge = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = 1ull << 40, .ch_addralign = 1};
	const struct made_part parts[] = {
		MADE_SYMTAB,
		MADE_STRTAB,
		{".debug_info", SHT_PROGBITS, SHF_COMPRESSED, 0, &huge, sizeof(huge), 0, 0},
		{".zdebug_line", SHT_PROGBITS, 0, 0, "ZLIB\0\0\1\0\0\0\0\0", 12, 0, 0},
		{".debug_frame", SHT_PROGBITS, SHF_COMPRESSED, 0, &huge, sizeof(huge), 0, 0},
	};
	char name[WW_IMAGE_NAME];

	(void)state;
	assert_in_range(name_code(make_elf(parts, 5), name), 1, MIB);
	assert_string_equal(name, "made_function");
}

static void large_tables_cost_names_or_the_file(void **state)
{
	struct made_part symbols[] = {MADE_SYMTAB, MADE_STRTAB};
	const struct made_part frames = {
		.name = ".eh_frame", .type = SHT_PROGBITS, .size = 200 * MIB, .bytes = "", .len = 1};
	char name[WW_IMAGE_NAME];

	(void)state;
	symbols[0].size = 72 * MIB;
	symbols[1].size = 72 * MIB;
	assert_in_range(name_code(make_elf(symbols, 2), name), 1, MIB);
	assert_string_equal(name, "[made+0x1004]");
	name_code(make_elf(&frames, 1), name);
	assert_string_equal(name, "");
}

/* libelf takes memory for all sections at once. */
static void refuses_more_sections_than_linkers_make(void **state)
{
	int fd = make_elf(NULL, 0);
	const uint16_t none = 0;
	const Elf64_Shdr first = {.sh_size = 1 << 26};
	const uint64_t at = 1 << 20;
	size_t before = resident_most();
	char name[WW_IMAGE_NAME];

	(void)state;
	assert_int_equal(pwrite(fd, &none, sizeof(none), offsetof(Elf64_Ehdr, e_shnum)), sizeof(none));
	assert_int_equal(pwrite(fd, &at, sizeof(at), offsetof(Elf64_Ehdr, e_shoff)), sizeof(at));
	assert_int_equal(pwrite(fd, &first, sizeof(first), (off_t)at), sizeof(first));
	assert_int_equal(ftruncate(fd, 8ll << 30), 0);
	name_code(fd, name);
	assert_string_equal(name, "");
	assert_in_range(resident_most() - before, 0, 10 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_more_sections_than_linkers_make),
		cmocka_unit_test(unpacks_no_bomb),
		cmocka_unit_test(reads_honest_files),
		cmocka_unit_test(reads_packed_symbols),
		cmocka_unit_test(hides_unsound_symbols),
		cmocka_unit_test(unpacks_no_debug_information),
		cmocka_unit_test(large_tables_cost_names_or_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

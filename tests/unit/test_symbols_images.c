/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of code: what addresses in them are called, each file known once, and no more of them than there is room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts.h"
#include "symbols/images.h"

/* As compilers call them: C++, and Rust by its older and its newer rules. */
int cpp(int) __asm__("_ZN4shop5price3addEi");
int rust_legacy(int) __asm__("_ZN4shop6orders4list17h0123456789abcdefE");
int rust_v0(int) __asm__("_RNvNtCs1234_4shop6orders4list");
int no_rust(int) __asm__("_Resize");

__attribute__((noinline, used)) int cpp(int value)
{
	return value + 1;
}

__attribute__((noinline, used)) int rust_legacy(int value)
{
	return value + 2;
}

__attribute__((noinline, used)) int rust_v0(int value)
{
	return value + 3;
}

__attribute__((noinline, used)) int no_rust(int value)
{
	return value + 4;
}

/* A label without a size in the middle of a function does not name it. */
__asm__(".pushsection .text\n"
	".type labelled, @function\n"
	"labelled: nop\n"
	"labelled_inside: nop\n"
	"nop\n"
	".size labelled, . - labelled\n"
	"sizeless: nop\n"
	"nop\n"
	".popsection\n");
extern const char labelled[], sizeless[];

/* How far this program is from where its file is linked to. */
static int note_bias(struct dl_phdr_info *info, size_t size, void *bias)
{
	(void)size;
	*(uint64_t *)bias = info->dlpi_addr;
	return 1;
}

static int open_self(void)
{
	return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

static void names_functions(void **state)
{
	struct ww_image *image;
	char name[WW_IMAGE_NAME];
	uint64_t bias;
	const struct {
		uint64_t address;
		const char *name;
	} cases[] = {
		{(uintptr_t)cpp, "shop::price::add(int)"},  {(uintptr_t)rust_legacy + 1, "shop::orders::list"},
		{(uintptr_t)rust_v0, "shop::orders::list"}, {(uintptr_t)no_rust, "_Resize"},
		{(uintptr_t)labelled + 2, "labelled"},	    {(uintptr_t)sizeless + 1, "sizeless"},
	};

	(void)state;
	dl_iterate_phdr(note_bias, &bias);
	assert_int_equal(ww_image__open(&image, open_self(), "self"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ww_image__name(image, cases[i].address - bias, name);
		assert_string_equal(name, cases[i].name);
	}
	ww_image__name(image, ww_image__start(image) + 0x10, name);
	assert_string_equal(name, "[self+0x10]");
	assert_in_range(ww_image__bytes(image), 10000, 100 << 20);
	ww_image__free(image);
}

/* The smallest file that has code and a build-id, and nothing else. */
static int make_file(const void *id, size_t id_len, size_t more)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr load, note;
		Elf64_Nhdr about;
		char owner[4];
		uint8_t id[20];
	} file = {
		.header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			   .e_type = ET_DYN,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_ehsize = sizeof(Elf64_Ehdr),
			   .e_phoff = sizeof(Elf64_Ehdr),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 2},
		.load = {.p_type = PT_LOAD,
			 .p_flags = PF_R | PF_X,
			 .p_memsz = sizeof(file),
			 .p_filesz = sizeof(file),
			 .p_align = 4096},
		.note = {.p_type = PT_NOTE,
			 .p_offset = offsetof(__typeof__(file), about),
			 .p_filesz = sizeof(file) - offsetof(__typeof__(file), about),
			 .p_align = 4},
		.about = {.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID},
		.owner = "GNU",
	};
	int fd = memfd_create("image", MFD_CLOEXEC);

	memcpy(file.id, id, id_len);
	assert_int_equal(write(fd, &file, sizeof(file)), sizeof(file));
	assert_int_equal(ftruncate(fd, (off_t)(sizeof(file) + more)), 0);
	return fd;
}

static struct ww_image *get(struct ww_images *images, int fd, const char *name)
{
	struct ww_image *image = NULL;
	uint64_t serial;

	assert_int_equal(ww_images__get(images, fd, name, &image, &serial), 0);
	return image;
}

/* A copy of this program; where its symbols' names are there is one that the others do not have, if `forged`. */
static int copy_self(bool forged)
{
	int self = open_self(), fd = memfd_create("copy", MFD_CLOEXEC);
	struct stat what;

	assert_int_equal(fstat(self, &what), 0);
	assert_int_equal(sendfile(fd, self, NULL, (size_t)what.st_size), what.st_size);
	close(self);
	if (!forged)
		return fd;
	char *bytes = mmap(NULL, (size_t)what.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *name = NULL;
	/* The last one is that of the symbols. */
	for (char *at = bytes; (at = memmem(at, (size_t)(bytes + what.st_size - at), "labelled_inside", 16)); at++)
		name = at;
	if (!name)
		abort();
	*name = 'L';
	munmap(bytes, (size_t)what.st_size);
	return fd;
}

static void knows_a_file_once(void **state)
{
	struct ww_images *images = ww_images__new();

	(void)state;
	struct ww_image *self = get(images, open_self(), "self"), *again = get(images, open_self(), "self");
	struct ww_image *copy = get(images, copy_self(false), "self"); /* another container's */

	assert_ptr_equal(self, again);
	assert_ptr_equal(self, copy);
	/* Its build-id and size, but neither its name nor its names. */
	assert_ptr_not_equal(self, get(images, copy_self(false), "other"));
	assert_ptr_not_equal(self, get(images, copy_self(true), "self"));
	assert_int_equal(ww_images__len(images), 3);
	/* What has no sections to be compared. */
	assert_ptr_not_equal(get(images, make_file("1", 1, 0), "libshop.so"),
			     get(images, make_file("1", 1, 0), "libshop.so"));
	ww_images__free(images);
}

static void has_bounded_room(void **state)
{
	struct ww_images *images = ww_images__new();
	int file = make_file("first", 5, 0);
	struct ww_image *image, *first = get(images, dup(file), "first");
	struct stat any;
	uint64_t serial, last = 0;
	int highest = 0;

	(void)state;
	/* Those that are not in use make room, and let go of their descriptors, */
	for (uint16_t i = 0; i < 3 * WW_IMAGES_MOST; i++) {
		assert_int_equal(ww_images__get(images, make_file(&i, sizeof(i), 0), "some", &image, &serial), 0);
		assert_true(serial > last);
		last = serial;
		ww_images__put(images, image);
	}
	assert_int_equal(ww_images__len(images), WW_IMAGES_MOST);
	for (int fd = 0; fd < 1024; fd++)
		highest += !fstat(fd, &any);
	assert_in_range(highest, WW_IMAGES_MOST, WW_IMAGES_MOST + 40);
	/* the one that is in use is still there, */
	assert_ptr_equal(get(images, file, "first"), first);
	/* and when all are in use there is no room. */
	for (uint16_t i = 1; i < WW_IMAGES_MOST; i++)
		get(images, make_file(&i, sizeof(i), 16), "used");
	assert_int_equal(ww_images__get(images, make_file("one more", 8, 0), "some", &image, &serial), -ENOSPC);
	ww_images__free(images);
}

static void refuses_what_is_none(void **state)
{
	struct ww_image *image;
	int fd = memfd_create("none", MFD_CLOEXEC), dir = open("/", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	assert_int_equal(ww_image__open(&image, fd, "script"), -ENOEXEC);
	assert_int_equal(ww_image__open(&image, dir, "directory"), -ENOEXEC);
	fd = make_file("1", 1, 0);
	assert_int_equal(ftruncate(fd, 80), 0); /* cut short */
	assert_int_equal(ww_image__open(&image, fd, "short"), -ENOEXEC);
}

/* A real file, the vDSO's or that of $WHYWAIT_TEST_IMAGE, with bytes that are others: some names, or none, and no more.
 */
static void survives_damage(void **state)
{
	const char *path = getenv("WHYWAIT_TEST_IMAGE"), *rounds = getenv("WHYWAIT_TEST_ROUNDS");
	const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
	size_t size = image ? header->e_shoff + (size_t)header->e_shnum * header->e_shentsize : 0;
	struct draw draw = {.state = 7};

	(void)state;
	if (path) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct stat what;

		assert_int_equal(fstat(fd, &what), 0);
		size = (size_t)what.st_size;
		image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
	}
	if (!size)
		skip();
	uint8_t *damaged = malloc(size);
	for (int round = rounds ? atoi(rounds) : 2000; round-- > 0;) {
		struct ww_image *found;
		char name[WW_IMAGE_NAME];
		const void *id;
		int fd = memfd_create("damaged", MFD_CLOEXEC);
		size_t len = draw_number(&draw, 4) ? size : draw_number(&draw, size);

		memcpy(damaged, image, size);
		for (uint64_t i = 1 + draw_number(&draw, 8); i-- > 0;) {
			/* Headers are where most depends on. */
			size_t at = draw_number(&draw, draw_number(&draw, 2) ? size : 1024 < size ? 1024 : size);

			damaged[at] = (uint8_t)draw_number(&draw, 256);
		}
		assert_int_equal(write(fd, damaged, len), len);
		if (ww_image__open(&found, fd, "damaged"))
			continue;
		ww_image__build_id(found, &id);
		for (uint64_t i = 0; i < 8; i++) {
			uint64_t range = ww_image__end(found) - ww_image__start(found);

			ww_image__name(found, ww_image__start(found) + draw_number(&draw, range), name);
			assert_true(*name && strlen(name) < sizeof(name));
		}
		ww_image__free(found);
	}
	free(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_functions),  cmocka_unit_test(knows_a_file_once),
		cmocka_unit_test(has_bounded_room), cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(survives_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stands for libFuzzer in `make test`: gives each file of the target's corpus to it, once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static void play(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = malloc(MOST);
	size_t size;

	if (!file || !data) {
		perror(path);
		exit(2);
	}
	size = fread(data, 1, MOST, file);
	fclose(file);
	/* Of its very size, so that the address sanitizer sees a read beyond it. */
	uint8_t *exact = malloc(size ? size : 1);

	for (size_t i = 0; i < size; i++)
		exact[i] = data[i];
	free(data);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	char path[4096];
	unsigned played = 0;

	(void)argc;
	const char *name = strrchr(argv[0], '/') + sizeof("/fuzz_") - 1;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	DIR *directory = opendir(path);

	if (!directory) {
		perror(path);
		return 2;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s/%s", name, entry->d_name);
		play(path);
		played++;
	}
	closedir(directory);
	printf("%sok - %u inputs\n1..1\n", played ? "" : "not ", played);
	return !played;
}

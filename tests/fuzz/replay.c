/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stands for libFuzzer in `make test`: gives each file of the directories that are named to the target, once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	unsigned played = 0;

	for (int i = 1; i < argc; i++) {
		DIR *directory = opendir(argv[i]);

		if (!directory) {
			perror(argv[i]);
			return 2;
		}
		for (struct dirent *entry; (entry = readdir(directory));) {
			char path[4096];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			play(path);
			played++;
		}
		closedir(directory);
	}
	printf("%u\n", played);
	return played ? 0 : 1;
}

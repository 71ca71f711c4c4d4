# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Parsers of foreign bytes, on any bytes (libFuzzer).
#
# make fuzz     each target for FUZZ_SECONDS (default 60), from tests/fuzz/corpus on; FUZZ="NAME.." runs those only.
#               What is found stays in build/fuzz: mended, it goes to the corpus, which every `make test` plays.

FUZZ_CFLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -D_GNU_SOURCE -DWW_VERSION='"fuzz"' -Iinclude -Isrc -Wall -Wextra -Werror -MMD -MP
# What the BPF side needs besides: see tests/model/rules.mk.
FUZZ_MODEL_CFLAGS := $(MODEL_CFLAGS) -O1 -fsanitize=fuzzer-no-link
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_FRAMING := requests responses
FUZZ_USER := $(filter-out $(FUZZ_FRAMING),$(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
# Everything but what talks to BPF.
FUZZ_SRC := $(filter-out src/main.c src/kernel/%,$(SRC))

$(B)/fuzz/bpf/%.o: bpf/%.c | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_MODEL_CFLAGS) -c -o $@ $<
$(B)/fuzz/model/%.o: tests/model/%.c | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_MODEL_CFLAGS) -c -o $@ $<
$(B)/fuzz/src/%.o: src/%.c | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -c -o $@ $<
$(FUZZ_FRAMING:%=$(B)/fuzz/fuzz_%.o): $(B)/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_MODEL_CFLAGS) -c -o $@ $<
$(B)/fuzz/%.o: tests/fuzz/%.c | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -c -o $@ $<

$(B)/fuzz/unit.a: $(FUZZ_SRC:%.c=$(B)/fuzz/%.o)
	rm -f $@ && $(AR) rcs $@ $^
$(FUZZ_FRAMING:%=$(B)/fuzz/fuzz_%): $(BPF_SRC:%.c=$(B)/fuzz/%.o) $(patsubst %,$(B)/fuzz/%.o,model/kernel model/maps \
	model/settings framing)
$(FUZZ_USER:%=$(B)/fuzz/fuzz_%): $(B)/fuzz/unit.a
$(B)/fuzz/fuzz_%: $(B)/fuzz/fuzz_%.o
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ $(ALL_LDLIBS)

# For `make test`: the corpus alone, without libFuzzer, on what its other tests have built.
$(FUZZ_FRAMING:%=$(B)/tests/fuzz/fuzz_%): $(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/framing.c \
	$(MODEL_KERNEL)
	@mkdir -p $(@D)
	$(CLANG) $(MODEL_CFLAGS) -o $@ $(filter %.c %.o,$^)
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(B)/unit.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.a,$^) $(ALL_LDLIBS)

.PHONY: fuzz fuzz-targets fuzz-replays
.PRECIOUS: $(B)/fuzz/%.o
fuzz-targets: $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))

fuzz-replays: $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

fuzz: fuzz-targets
	tests/fuzz/run $(B)/fuzz $(FUZZ)

-include $(wildcard $(B)/fuzz/*.d $(B)/fuzz/*/*.d $(B)/fuzz/*/*/*.d)

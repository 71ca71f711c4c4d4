# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The BPF side as ordinary C (tests/model/kernel.h), always under the sanitizers.
#
# make model    events in any order, for MODEL_SECONDS (default 60) from a seed of the moment on

# What the BPF sources do that the compiler for BPF has no word to say against: unaligned words, global functions that
# no header declares, attributes of that target. Not optimised: what is inlined everywhere takes clang two minutes of CPU
# time to optimise, and the tests seven seconds to run without.
MODEL_CFLAGS := -std=gnu11 -O0 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=alignment \
	-fno-sanitize-recover=all -D__TARGET_ARCH_$(BPF_ARCH) -DBPF_NO_PRESERVE_ACCESS_INDEX -Itests/model \
	-Itests/model/host -Iinclude -Ibpf -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function \
	-Wno-unused-variable -Wno-unknown-attributes -MMD -MP
MODEL_BPF := $(BPF_SRC:bpf/%.c=$(B)/model/%.o)
MODEL_KERNEL := $(MODEL_BPF) $(patsubst %,$(B)/model/%.o,kernel maps settings)
MODEL_TESTS := $(patsubst tests/model/%.c,$(B)/tests/model/%,$(sort $(wildcard tests/model/test_*.c)))

$(B)/model/%.bpf.o: bpf/%.bpf.c | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(MODEL_CFLAGS) -c -o $@ $<
$(B)/model/%.o: tests/model/%.c | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(MODEL_CFLAGS) -c -o $@ $<
$(B)/tests/model/test_events: $(patsubst %,$(B)/model/%.o,world traffic invariants)
$(B)/tests/model/%: $(B)/model/%.o $(MODEL_KERNEL)
	@mkdir -p $(@D)
	$(CLANG) $(MODEL_CFLAGS) -o $@ $^ -lcmocka

.PHONY: model model-tests
.PRECIOUS: $(B)/model/%.o
model-tests: $(MODEL_TESTS)

model: $(B)/tests/model/test_events
	MODEL_SECONDS=$${MODEL_SECONDS:-60} nice $<

-include $(wildcard $(B)/model/*.d)

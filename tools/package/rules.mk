# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make install    below $(DESTDIR)$(PREFIX); settings that are there already stay as they are
# make uninstall  all of it but the settings and the recording
# make deb        build/whywait_VERSION_ARCHITECTURE.deb

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/whywait
DATADIR ?= $(PREFIX)/share/whywait
UNITDIR ?= $(PREFIX)/lib/systemd/system
INSTALL ?= install

DOCUMENTS := README.md LICENSE $(wildcard docs/*)
MONITORING := tools/monitoring/grafana-dashboard.json tools/monitoring/prometheus-alerts.yml
SETTINGS := $(SYSCONFDIR)/whywait/whywait.yaml
MANUALS = whywait.1 $(COMMANDS:%=whywait-%.1)

.PHONY: install uninstall deb
install: $(B)/whywait man
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(MANDIR)/man1 $(DOCDIR)/docs $(DATADIR) $(UNITDIR) $(SYSCONFDIR)/whywait)
	$(INSTALL) -m 755 $(B)/whywait $(DESTDIR)$(BINDIR)/whywait
	$(INSTALL) -m 644 $(MANUALS:%=$(B)/man/%) $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 644 README.md LICENSE $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 644 $(filter docs/%,$(DOCUMENTS)) $(DESTDIR)$(DOCDIR)/docs
	$(INSTALL) -m 644 $(MONITORING) tools/package/daemonset.yaml $(DESTDIR)$(DATADIR)
	sed 's|/usr/bin/|$(BINDIR)/|; s|/etc/whywait/|$(SYSCONFDIR)/whywait/|' tools/package/whywait.service >$(DESTDIR)$(UNITDIR)/whywait.service
	chmod 644 $(DESTDIR)$(UNITDIR)/whywait.service
	[ -e $(DESTDIR)$(SETTINGS) ] || $(INSTALL) -m 644 tools/whywait.yaml $(DESTDIR)$(SETTINGS)

uninstall:
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/whywait $(MANUALS:%=$(MANDIR)/man1/%) $(UNITDIR)/whywait.service)
	rm -rf $(addprefix $(DESTDIR),$(DOCDIR) $(DATADIR))

deb: $(B)/whywait man
	sh tools/package/deb $(B) '$(VERSION)'

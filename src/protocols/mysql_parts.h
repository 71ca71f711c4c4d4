/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files mysql*.c share. */
#ifndef WHYWAIT_MYSQL_PARTS_H
#define WHYWAIT_MYSQL_PARTS_H

#include "protocols/dialogue.h"
#include "protocols/frame.h"
#include "protocols/prepared.h"

enum ww_mysql_phase {
	WW_MYSQL_FIRST,	       /* the first packet of an answer, or of its next result */
	WW_MYSQL_PARAMS,       /* definitions of parameters */
	WW_MYSQL_COLUMNS,      /* definitions of columns */
	WW_MYSQL_PARAMS_ENDED, /* EOF is to come, if the two sides have not agreed to leave it out */
	WW_MYSQL_COLUMNS_ENDED,
	WW_MYSQL_ROWS,
};

/* A command under way; one for each draft, in the same order. */
struct ww_mysql_unit {
	uint8_t command;
	uint8_t phase; /* enum ww_mysql_phase */
	uint8_t next_sequence;
	bool file;			/* the client sends one */
	bool answered;			/* all has come that has to; an EOF may follow */
	bool unseen;			/* of what it runs nothing is known yet */
	uint64_t all_columns;		/* of the result at hand */
	uint64_t params, columns;	/* that are still to be defined */
	struct ww_statement *statement; /* of COM_STMT_PREPARE */
};

enum ww_mysql_agreed { WW_MYSQL_UNKNOWN, WW_MYSQL_NO, WW_MYSQL_YES };

struct ww_mysql {
	struct ww_frame sent, received;
	bool greets;			     /* the server's greeting is to come */
	bool connecting;		     /* the log-in is not over */
	bool lost;			     /* where packets begin is not known; what is sent next may tell */
	bool send_ended;		     /* what is sent next is sent by another call */
	bool sent_goes_on, received_goes_on; /* the next packet is a part of the one before */
	bool plain;			     /* NO_BACKSLASH_ESCAPES */
	bool compresses;		     /* once the log-in is over */
	uint8_t without_eof;		     /* enum ww_mysql_agreed */
	uint32_t capabilities;		     /* the server's */

	uint32_t first, len;
	struct ww_mysql_unit units[WW_DRAFTS_MAX];

	struct ww_sql_shapes *shapes; /* of the dialogue's owner */
	uint64_t long_data; /* the statement that is to be executed with parameters that were sent before; 0: none */
	struct ww_statement *newest; /* that was prepared */
	struct ww_prepared prepared;
};

enum ww_mysql_command {
	WW_MYSQL_LOGIN = 0, /* no command's number: the log-in's unit */
	WW_MYSQL_QUIT = 1,
	WW_MYSQL_INIT_DB = 2,
	WW_MYSQL_QUERY = 3,
	WW_MYSQL_FIELD_LIST = 4,
	WW_MYSQL_STATISTICS = 9,
	WW_MYSQL_PROCESS_INFO = 10,
	WW_MYSQL_PROCESS_KILL = 12,
	WW_MYSQL_DEBUG = 13,
	WW_MYSQL_PING = 14,
	WW_MYSQL_CHANGE_USER = 17,
	WW_MYSQL_BINLOG_DUMP = 18,
	WW_MYSQL_STMT_PREPARE = 22,
	WW_MYSQL_STMT_EXECUTE = 23,
	WW_MYSQL_STMT_SEND_LONG_DATA = 24,
	WW_MYSQL_STMT_CLOSE = 25,
	WW_MYSQL_STMT_RESET = 26,
	WW_MYSQL_SET_OPTION = 27,
	WW_MYSQL_STMT_FETCH = 28,
	WW_MYSQL_BINLOG_DUMP_GTID = 30,
	WW_MYSQL_RESET_CONNECTION = 31,
	WW_MYSQL_STMT_BULK_EXECUTE = 250, /* MariaDB's */
};

#define WW_MYSQL_COMPRESS	 (1u << 5)
#define WW_MYSQL_TLS		 (1u << 11)
#define WW_MYSQL_WITHOUT_EOF	 (1u << 24)
#define WW_MYSQL_COMPRESS_ZSTD	 (1u << 26)
#define WW_MYSQL_MORE_RESULTS	 0x0008 /* status */
#define WW_MYSQL_CURSOR		 0x0040
#define WW_MYSQL_PLAIN_BACKSLASH 0x0200

/* A number of variable length; takes it off. False when it is not at hand. */
bool ww_mysql__number(const uint8_t **at, const uint8_t *end, uint64_t *number);

/* The status in an OK or EOF packet; false when it is not at hand. */
bool ww_mysql__status(const struct ww_message *message, uint16_t *status);

/* What the server can do; false when it is no greeting. */
bool ww_mysql__greeting(const struct ww_message *message, uint32_t *capabilities);

/* "1062 (23000)" into the draft. */
void ww_mysql__error(struct ww_draft *draft, const struct ww_message *message);

/* What a command says goes to its draft. False: the draft is none, as the command has no answer or is not known. */
bool ww_mysql__command(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
		       const struct ww_message *message);

/* What an answer says of a statement that was prepared before: that something has changed; a result's columns, by the
 * definition of one of them, or (NULL) all of them are computed; that there is more than one result. */
void ww_mysql__unseen_changed(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
			      const struct ww_message *message);
void ww_mysql__unseen_rows(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft,
			   const struct ww_message *definition);
void ww_mysql__unseen_call(struct ww_mysql *mysql, struct ww_mysql_unit *unit, struct ww_draft *draft);

#endif

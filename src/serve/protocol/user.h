/* serve/protocol/user.h - whose a response, a file, a run with a session is.
 *
 * Where a platform authenticates in front of this server, it says with each request whose it is
 * (x-agent-user-id). What is stored has that, and every lookup takes it: what is another user's is
 * not there, as if its id had never been. "" is a user like any other: of requests without the header,
 * and of a server that keeps nobody apart.
 *
 * The id itself is the platform's, of any form, and may name a person. Only its SHA-256 is kept.
 */
#ifndef CLO_SERVE_PROTOCOL_USER_H
#define CLO_SERVE_PROTOCOL_USER_H

#define CLO_USER_MAX 64 /* hexadecimal digits */

/* The user of a header's value; NULL or "": the user "". Negative: it cannot be told (out of memory);
 * then the request must be refused. */
int clo_user_take(const char *header, char user[CLO_USER_MAX + 1]);

#endif

/* sandbox/artifacts/media_type.h - what kind of file a name promises (RFC 2046, IANA's registry). */
#ifndef CLO_SANDBOX_ARTIFACTS_MEDIA_TYPE_H
#define CLO_SANDBOX_ARTIFACTS_MEDIA_TYPE_H

/* By the ending of the path's last name; NULL: it promises nothing. Static. */
const char *clo_media_type_by_name(const char *path);

#define CLO_MEDIA_TYPE_TEXT "text/plain"
#define CLO_MEDIA_TYPE_BYTES "application/octet-stream"

#endif

// Codes of sealed parts: which parts get them, when they are made, and what searches use of them.
//
// Codes are made in the background, by a thread of their own when writes have come to rest (no threads: in the caller's, with
// wg_care_now), for every open collection in turn. Nothing waits for them but waggle_codes_wait(): a part without codes is scanned as it is. They are
// derived data. A file that does not fit its part, or is damaged, is reported once (event=codes_dropped), never used, removed,
// and made again: at once if it is found when the part is opened; when the part is opened next if it is found by a search,
// for other searches may be reading it.
#pragma once

#include "engine/codes_file.h"
#include "engine/engine.h"

// The fields of a part that should have codes, a bit each.
uint32_t wg_codes_fields(const waggle_database *database, const wg_sealed *sealed);
// Opens the codes of a part that are there. They are made otherwise, some time; the caller says so with wg_codes_want.
void wg_codes_attach(waggle_database *database, wg_sealed *sealed);
// The codes of a field as views borrow them, verified; NULL = there are none, or they turn out to be damaged.
const wg_code_column *wg_codes_columns(waggle_database *database, wg_sealed *sealed,
                                       uint32_t field);
// The codes of a part, as long as it is held. NULL = none, or damaged.
wg_codes *wg_codes_of(const wg_sealed *sealed);
// The file is damaged: it is not used any more.
void wg_codes_drop(waggle_database *database, wg_sealed *sealed, wg_codes *codes,
                   const waggle_error *why);

// There may be parts without codes.
void wg_codes_want(waggle_database *database);
// No threads: makes what is wanted. Failures are logged, and are nobody's error.
void wg_codes_now(waggle_database *database);
waggle_status wg_codes_start(waggle_database *database, waggle_error *error);

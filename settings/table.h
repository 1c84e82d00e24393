/* Shorthands for writing a table of keys; included by the one source that holds the table. */
#ifndef ORRERY_SETTINGS_TABLE_H
#define ORRERY_SETTINGS_TABLE_H

#include "settings/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define AT(type, field) .offset = offsetof(struct type, field)
#define QUANTITY(type, key_, field, unit_, value_, least_, most_, text_)                           \
    {                                                                                              \
        .name = key_, .kind = KEY_QUANTITY, .unit = unit_, AT(type, field),                        \
        .bytes = sizeof(((struct type *)0)->field), .value = value_, .least = least_,              \
        .most = most_, .text = text_                                                               \
    }
#define RATIO(type, key_, field, value_, text_)                                                    \
    {                                                                                              \
        .name = key_, .kind = KEY_RATIO, AT(type, field), .value = value_, .text = text_           \
    }
/* least 1: above 0; most 1: a probability. */
#define RATIO_IN(type, key_, field, value_, least_, most_, text_)                                  \
    {                                                                                              \
        .name = key_, .kind = KEY_RATIO, AT(type, field), .value = value_, .least = least_,        \
        .most = most_, .text = text_                                                               \
    }
#define BOOL(type, key_, field, value_, text_)                                                     \
    {                                                                                              \
        .name = key_, .kind = KEY_BOOL, AT(type, field), .value = value_, .text = text_            \
    }
#define ENUM(type, key_, field, choices_, value_, text_)                                           \
    {                                                                                              \
        .name = key_, .kind = KEY_ENUM, AT(type, field), .choices = choices_, .value = value_,     \
        .text = text_                                                                              \
    }
#define TEXT(type, key_, field, value_, text_)                                                     \
    {                                                                                              \
        .name = key_, .kind = KEY_TEXT, AT(type, field), .value = value_, .text = text_            \
    }
#define TEXTS(type, key_, field, text_)                                                            \
    {                                                                                              \
        .name = key_, .kind = KEY_TEXTS, AT(type, field), .text = text_                            \
    }
#define MAP(key_, sub_, offset_, text_)                                                            \
    {                                                                                              \
        .name = key_, .kind = KEY_MAP, .offset = offset_, .sub = sub_, .sub_count = COUNT(sub_),   \
        .text = text_                                                                              \
    }
#define LIST(type, key_, field, sub_, item_, text_)                                                \
    {                                                                                              \
        .name = key_, .kind = KEY_LIST, AT(type, field), .bytes = sizeof(item_), .sub = sub_,      \
        .sub_count = COUNT(sub_), .line_offset = offsetof(item_, line), .text = text_              \
    }

#define YEAR ((uint64_t)366 * 86400 * 1000000000)
#define MANY ((uint64_t)1 << 62)

#define FORM(type, key_, field, form_, text_)                                                      \
    {                                                                                              \
        .name = key_, .kind = KEY_FORM, AT(type, field), .form = &form_, .text = text_             \
    }

#endif

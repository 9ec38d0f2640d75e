/* os_windows.c - os.h on Windows: files, folders, time, shared libraries by Win32. Paths are UTF-8 here and UTF-16
 * there.
 *
 * Needs the context's allocator. Keeps no state of its own. */
#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600 /* Vista: condition variables */
#endif
#include <windows.h>

#include "backend/os_shared.h"

#include <stdio.h>
#include <stdlib.h>

/* NULL sets GetLastError: ERROR_NO_UNICODE_TRANSLATION where the text is not UTF-8, else ERROR_NOT_ENOUGH_MEMORY. */
static wchar_t *wide(struct tuff_context *context, const char *text)
{
    int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (count <= 0) return NULL;
    wchar_t *copy = tuff_alloc(context, (size_t)count * sizeof *copy);
    if (copy)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, copy, count);
    else
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return copy;
}

static char *narrow(struct tuff_context *context, const wchar_t *text)
{
    int count = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *copy = count > 0 ? tuff_alloc(context, (size_t)count) : NULL;
    if (copy) WideCharToMultiByte(CP_UTF8, 0, text, -1, copy, count, NULL, NULL);
    return copy;
}

static tuff_status fail_file(struct tuff_context *context, struct tuff_error *error, const char *what, const char *path)
{
    DWORD code = GetLastError();
    wchar_t reason[200] = L"";
    char text[600] = "";
    if (code == ERROR_NOT_ENOUGH_MEMORY) return tuff_fail_memory(context, error);
    DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0, reason,
                                  (DWORD)TUFF_COUNT(reason), NULL);
    while (length && (reason[length - 1] <= L' ' || reason[length - 1] == L'.')) reason[--length] = 0; /* ".\r\n" */
    WideCharToMultiByte(CP_UTF8, 0, reason, -1, text, sizeof text, NULL, NULL);
    return tuff_fail(context, error, TUFF_ERR_FILE, "cannot %s %s: %s (Windows error %lu)", what, path, text,
                     (unsigned long)code);
}

/* Pipes and devices are no files. */
static bool on_disk(HANDLE file)
{
    if (GetFileType(file) == FILE_TYPE_DISK) return true;
    SetLastError(ERROR_BAD_FILE_TYPE);
    return false;
}

static bool read_fully(HANDLE file, char *data, size_t bytes)
{
    while (bytes) {
        DWORD got = 0, wanted = bytes < (1u << 30) ? (DWORD)bytes : 1u << 30;
        if (!ReadFile(file, data, wanted, &got, NULL) || !got) return false;
        data += got;
        bytes -= got;
    }
    return true;
}

static tuff_status read_handle(struct tuff_context *context, HANDLE file, const char *path, size_t limit, void **data,
                               size_t *bytes, struct tuff_error *error)
{
    LARGE_INTEGER size;
    if (!on_disk(file) || !GetFileSizeEx(file, &size)) return fail_file(context, error, "read", path);
    if ((limit && (uint64_t)size.QuadPart > limit) || (uint64_t)size.QuadPart > SIZE_MAX / 2)
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s has %lld bytes, more than %llu", path,
                         (long long)size.QuadPart, (unsigned long long)limit);
    char *content = tuff_realloc(context, NULL, (size_t)size.QuadPart + 1);
    if (!content) return tuff_fail_memory(context, error);
    if (!read_fully(file, content, (size_t)size.QuadPart)) {
        tuff_free(context, content);
        return fail_file(context, error, "read", path);
    }
    content[size.QuadPart] = 0;
    *data = content;
    *bytes = (size_t)size.QuadPart;
    return TUFF_OK;
}

tuff_status tuff_os_read_file(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                              struct tuff_error *error)
{
    wchar_t *name = wide(context, path);
    if (!name) return fail_file(context, error, "open", path);
    HANDLE file = CreateFileW(name, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    tuff_free(context, name);
    if (file == INVALID_HANDLE_VALUE) return fail_file(context, error, "open", path);
    tuff_status status = read_handle(context, file, path, limit, data, bytes, error);
    CloseHandle(file);
    return status;
}

struct tuff_os_map {
    struct tuff_context *context; /* [borrowed] */
    const void *data;             /* [owned] NULL: an empty file */
};

/* A view keeps file and mapping alive when their handles are closed. */
static const void *map_handle(HANDLE file)
{
    HANDLE mapping = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    if (!mapping) return NULL;
    const void *data = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(mapping);
    return data;
}

tuff_status tuff_os_map_file(struct tuff_context *context, const char *path, struct tuff_os_map **map, const void **data,
                             size_t *bytes, struct tuff_error *error)
{
    wchar_t *name = wide(context, path);
    struct tuff_os_map *made = tuff_alloc(context, sizeof *made);
    if (name && !made) SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    HANDLE file = name && made ? CreateFileW(name, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                                             FILE_ATTRIBUTE_NORMAL, NULL)
                               : INVALID_HANDLE_VALUE;
    LARGE_INTEGER size = {.QuadPart = 0};
    bool mapped = file != INVALID_HANDLE_VALUE && on_disk(file) && GetFileSizeEx(file, &size) &&
                  (uint64_t)size.QuadPart <= SIZE_MAX / 2;
    if (mapped && size.QuadPart > 0) mapped = (made->data = map_handle(file)) != NULL;
    tuff_status status = mapped ? TUFF_OK : fail_file(context, error, "map", path);
    if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    tuff_free(context, name);
    if (status != TUFF_OK) {
        tuff_free(context, made);
        return status;
    }
    made->context = context;
    *map = made;
    *data = made->data;
    *bytes = (size_t)size.QuadPart;
    return TUFF_OK;
}

void tuff_os_unmap(struct tuff_os_map *map)
{
    if (!map) return;
    if (map->data) UnmapViewOfFile(map->data);
    tuff_free(map->context, map);
}

static bool write_fully(HANDLE file, const char *data, size_t bytes)
{
    while (bytes) {
        DWORD done = 0, wanted = bytes < (1u << 30) ? (DWORD)bytes : 1u << 30;
        if (!WriteFile(file, data, wanted, &done, NULL) || !done) return false;
        data += done;
        bytes -= done;
    }
    return true;
}

static tuff_status write_part(struct tuff_context *context, HANDLE file, const struct tuff_os_part *part, bool *written,
                              struct tuff_error *error)
{
    const void *data;
    void *memory;
    TUFF_TRY(tuff_os_part_data(context, part, &data, &memory, error));
    *written = (!part->again || SetFilePointerEx(file, (LARGE_INTEGER){.QuadPart = 0}, NULL, FILE_BEGIN)) &&
               write_fully(file, data, part->bytes);
    tuff_free(context, memory);
    return TUFF_OK;
}

/* *written: false when the file cannot be; a status other than OK is that of a part's callback. */
static tuff_status write_temporary(struct tuff_context *context, const wchar_t *temporary, const struct tuff_os_part *parts,
                                   size_t part_count, bool *written, struct tuff_error *error)
{
    HANDLE file = CreateFileW(temporary, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    tuff_status status = TUFF_OK;
    *written = file != INVALID_HANDLE_VALUE;
    if (!*written) return TUFF_OK;
    for (size_t i = 0; *written && status == TUFF_OK && i < part_count; i++)
        status = write_part(context, file, &parts[i], written, error);
    *written = *written && status == TUFF_OK && FlushFileBuffers(file);
    *written = CloseHandle(file) && *written;
    return status;
}

/* What a living process writes is opened without sharing, and cannot be removed. */
static void sweep(struct tuff_context *context, const char *folder, const char *stem)
{
    WIN32_FIND_DATAW entry;
    size_t capacity = strlen(folder) + strlen(stem) + 8;
    char *text = tuff_alloc(context, capacity);
    if (!text) return;
    snprintf(text, capacity, "%s\\%s*.tmp", folder, stem);
    wchar_t *pattern = wide(context, text);
    HANDLE search = pattern ? FindFirstFileW(pattern, &entry) : INVALID_HANDLE_VALUE;
    for (bool more = search != INVALID_HANDLE_VALUE; more; more = FindNextFileW(search, &entry)) {
        char *name = narrow(context, entry.cFileName);
        size_t length = name ? strlen(folder) + strlen(name) + 2 : 0, unused;
        char *path = name && tuff_os_is_temporary(name, &unused) ? tuff_alloc(context, length) : NULL;
        if (path) {
            snprintf(path, length, "%s\\%s", folder, name);
            (void)!tuff_os_remove(path);
        }
        tuff_free(context, path);
        tuff_free(context, name);
    }
    if (search != INVALID_HANDLE_VALUE) FindClose(search);
    tuff_free(context, pattern);
    tuff_free(context, text);
}

void tuff_os_sweep(struct tuff_context *context, const char *folder) { sweep(context, folder, ""); }

static HANDLE open_own(struct tuff_context *context, const char *path)
{
    wchar_t *name = wide(context, path);
    HANDLE file = name ? CreateFileW(name, GENERIC_WRITE | DELETE, 0, NULL, OPEN_ALWAYS,
                                     FILE_ATTRIBUTE_NORMAL | FILE_FLAG_DELETE_ON_CLOSE, NULL)
                       : INVALID_HANDLE_VALUE;
    DWORD code = GetLastError();
    tuff_free(context, name);
    SetLastError(code);
    return file;
}

struct tuff_os_lock {
    struct tuff_context *context; /* [borrowed] */
    HANDLE file;
};

tuff_status tuff_os_lock(struct tuff_context *context, const char *path, uint32_t wait_ms, struct tuff_os_lock **lock,
                         struct tuff_error *error)
{
    struct tuff_os_lock *made = tuff_alloc(context, sizeof *made);
    if (!made) return tuff_fail_memory(context, error);
    *made = (struct tuff_os_lock){context, open_own(context, path)};
    for (; made->file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION && wait_ms > 0; wait_ms--) {
        Sleep(1);
        made->file = open_own(context, path);
    }
    if (made->file != INVALID_HANDLE_VALUE) {
        *lock = made;
        return TUFF_OK;
    }
    tuff_status status = GetLastError() == ERROR_SHARING_VIOLATION ? TUFF_ERR_USAGE
                                                                   : fail_file(context, error, "write", path);
    tuff_free(context, made);
    return status;
}

void tuff_os_unlock(struct tuff_os_lock *lock)
{
    if (!lock) return;
    CloseHandle(lock->file);
    tuff_free(lock->context, lock);
}

/* text: a copy of the path, which is cut up. */
static void sweep_beside(struct tuff_context *context, char *text)
{
    char *slash = NULL;
    for (char *c = text; *c; c++)
        if (*c == '/' || *c == '\\') slash = c;
    if (slash) *slash = 0;
    sweep(context, slash ? text : ".", slash ? slash + 1 : text);
}

tuff_status tuff_os_write_atomic(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                 size_t part_count, struct tuff_error *error)
{
    size_t capacity = strlen(path) + 64; /* ".<process>.<time>.tmp" */
    char *text = tuff_alloc(context, capacity);
    wchar_t *name = NULL, *temporary = NULL;
    tuff_status status = TUFF_OK;
    if (!text) return tuff_fail_memory(context, error);
    memcpy(text, path, strlen(path) + 1);
    sweep_beside(context, text);
    snprintf(text, capacity, "%s.%lu.%llu.tmp", path, (unsigned long)GetCurrentProcessId(),
             (unsigned long long)tuff_os_time_ns());
    if (!(name = wide(context, path)) || !(temporary = wide(context, text))) {
        status = fail_file(context, error, "write", path);
    } else {
        bool written;
        status = write_temporary(context, temporary, parts, part_count, &written, error);
        written = written && MoveFileExW(temporary, name, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
        if (!written && status == TUFF_OK) status = fail_file(context, error, "write", path);
        if (!written) DeleteFileW(temporary);
    }
    tuff_free(context, temporary);
    tuff_free(context, name);
    tuff_free(context, text);
    return status;
}

static DWORD attributes_of(const char *path)
{
    wchar_t *name = wide(NULL, path);
    DWORD attributes = name ? GetFileAttributesW(name) : INVALID_FILE_ATTRIBUTES;
    tuff_free(NULL, name);
    return attributes;
}

bool tuff_os_exists(const char *path) { return attributes_of(path) != INVALID_FILE_ATTRIBUTES; }

bool tuff_os_is_folder(const char *path)
{
    DWORD attributes = attributes_of(path);
    return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

tuff_status tuff_os_try_write(struct tuff_context *context, const char *const *paths, const uint64_t *bytes, size_t count,
                              struct tuff_error *error)
{
    enum { BLOCK = 1 << 16 };
    HANDLE files[TUFF_OS_ROOM_FILES];
    size_t made = 0;
    char *block = tuff_alloc(context, BLOCK);
    tuff_status status = block ? TUFF_OK : tuff_fail_memory(context, error);
    while (status == TUFF_OK && made < count) {
        struct tuff_text name = {.context = context};
        tuff_text_add(&name, "%s.%lu.%llu%u.tmp", paths[made], (unsigned long)GetCurrentProcessId(),
                      (unsigned long long)tuff_os_time_ns(), (unsigned)made);
        bool folder = tuff_os_is_folder(paths[made]);
        if (folder) SetLastError(ERROR_ACCESS_DENIED);
        if (name.failed) SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        files[made] = folder || name.failed ? INVALID_HANDLE_VALUE : open_own(context, name.data);
        bool good = files[made] != INVALID_HANDLE_VALUE;
        for (uint64_t left = bytes[made]; good && left;) {
            uint64_t here = left < BLOCK ? left : BLOCK;
            good = write_fully(files[made], block, (size_t)here);
            left -= here;
        }
        if (!good) status = fail_file(context, error, "write what is needed into", paths[made]);
        made += files[made] != INVALID_HANDLE_VALUE;
        tuff_text_finish(&name);
    }
    while (made-- > 0) CloseHandle(files[made]);
    tuff_free(context, block);
    return status;
}

tuff_status tuff_os_make_folders(struct tuff_context *context, const char *path, struct tuff_error *error)
{
    wchar_t *partial = wide(context, path);
    if (!partial) return fail_file(context, error, "make folder", path);
    for (wchar_t *at = partial;; at++) {
        wchar_t here = *at;
        if (here != L'/' && here != L'\\' && here != 0) continue;
        *at = 0;
        if (at != partial) CreateDirectoryW(partial, NULL); /* what counts is whether the whole is a folder in the end */
        *at = here;
        if (!here) break;
    }
    tuff_free(context, partial);
    return tuff_os_is_folder(path) ? TUFF_OK : fail_file(context, error, "make folder", path);
}

static tuff_status refuse_links(struct tuff_context *context, const char *path, struct tuff_error *error)
{
    DWORD attributes = attributes_of(path);
    if (attributes == INVALID_FILE_ATTRIBUTES) return fail_file(context, error, "open", path);
    if (attributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return tuff_fail(context, error, TUFF_ERR_FILE, "cannot read %s: it is a link", path);
    return TUFF_OK;
}

tuff_status tuff_os_check_private(struct tuff_context *context, const char *folder, struct tuff_error *error)
{
    if (tuff_os_is_folder(folder)) return TUFF_OK;
    return tuff_fail(context, error, TUFF_ERR_FILE, "%s is no folder", folder);
}

tuff_status tuff_os_make_private(struct tuff_context *context, const char *folder, struct tuff_error *error)
{
    return tuff_os_make_folders(context, folder, error);
}

tuff_status tuff_os_read_private(struct tuff_context *context, const char *path, size_t limit, void **data, size_t *bytes,
                                 struct tuff_error *error)
{
    TUFF_TRY(refuse_links(context, path, error));
    return tuff_os_read_file(context, path, limit, data, bytes, error);
}

tuff_status tuff_os_write_private(struct tuff_context *context, const char *path, const struct tuff_os_part *parts,
                                  size_t part_count, struct tuff_error *error)
{
    return tuff_os_write_atomic(context, path, parts, part_count, error);
}

tuff_status tuff_os_remove(const char *path)
{
    wchar_t *name = wide(NULL, path);
    bool removed = name && (DeleteFileW(name) || RemoveDirectoryW(name));
    tuff_free(NULL, name);
    return removed ? TUFF_OK : TUFF_ERR_FILE;
}

tuff_status tuff_os_collect_names(struct tuff_context *context, const char *path, struct tuff_text *names, size_t *count,
                                  struct tuff_error *error)
{
    WIN32_FIND_DATAW entry;
    struct tuff_text pattern = {.context = context};
    tuff_text_add(&pattern, "%s\\*", path);
    if (pattern.failed) SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    wchar_t *name = pattern.failed ? NULL : wide(context, pattern.data);
    tuff_text_finish(&pattern);
    if (!name) return fail_file(context, error, "list", path);
    HANDLE search = FindFirstFileW(name, &entry);
    tuff_free(context, name);
    if (search == INVALID_HANDLE_VALUE) return fail_file(context, error, "list", path);
    size_t found = 0;
    do {
        char *text = narrow(context, entry.cFileName);
        if (!text) names->failed = true;
        if (text && strcmp(text, ".") && strcmp(text, "..")) {
            tuff_text_append(names, text, strlen(text) + 1);
            found++;
        }
        tuff_free(context, text);
    } while (FindNextFileW(search, &entry));
    FindClose(search);
    if (names->failed) return tuff_fail_memory(context, error);
    *count = found;
    return TUFF_OK;
}

char *tuff_os_cache_folder(struct tuff_context *context)
{
    DWORD count = GetEnvironmentVariableW(L"LOCALAPPDATA", NULL, 0);
    wchar_t *folder = count ? tuff_alloc(context, count * sizeof *folder) : NULL;
    char *base = folder && GetEnvironmentVariableW(L"LOCALAPPDATA", folder, count) ? narrow(context, folder) : NULL;
    char *path = NULL;
    struct tuff_text text = {.context = context};
    if (base && base[0]) {
        tuff_text_add(&text, "%s\\tuff", base);
        path = tuff_text_take(&text);
    }
    tuff_free(context, base);
    tuff_free(context, folder);
    return path;
}

uint64_t tuff_os_time_ns(void)
{
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    uint64_t whole = (uint64_t)(ticks.QuadPart / frequency.QuadPart), rest = (uint64_t)(ticks.QuadPart % frequency.QuadPart);
    return whole * UINT64_C(1000000000) + rest * UINT64_C(1000000000) / (uint64_t)frequency.QuadPart;
}

uint32_t tuff_os_cpu_count(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwNumberOfProcessors ? (uint32_t)info.dwNumberOfProcessors : 1;
}

uint64_t tuff_os_cpu_hash(void)
{
    const char *model = getenv("PROCESSOR_IDENTIFIER"); /* family, model, stepping and vendor */
    return model ? tuff_hash_text(0, model) : 0;
}

uint64_t tuff_os_process(void) { return GetCurrentProcessId(); }

int tuff_os_descriptor_copy(int descriptor) { return (void)descriptor, -1; }

void tuff_os_descriptor_close(int descriptor) { (void)descriptor; }

uint64_t tuff_os_descriptor_bytes(int descriptor) { return (void)descriptor, 0; }

void *tuff_os_library_open(const char *name)
{
    wchar_t *path = wide(NULL, name);
    HMODULE library = path ? LoadLibraryW(path) : NULL;
    tuff_free(NULL, path);
    return (void *)library;
}

void (*tuff_os_library_symbol(void *library, const char *name))(void)
{
    return (void (*)(void))GetProcAddress((HMODULE)library, name);
}

void tuff_os_library_close(void *library)
{
    if (library) FreeLibrary((HMODULE)library);
}

#else
typedef int tuff_os_windows_is_empty; /* ISO C wants one declaration in every file */
#endif

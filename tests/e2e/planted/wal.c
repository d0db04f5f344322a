// SPDX-License-Identifier: Apache-2.0
// A store of eight counters with a write-ahead log, on a raw device; right, or with one planted fault.
//
//   wal write FAULT TRANSACTIONS    on $POWERCUT_DISK; acknowledges each transaction with a mark
//   wal check FAULT                 recovers what is on $POWERCUT_DISK, and looks whether every
//                                   transaction that was acknowledged is in it, whole and once
//
// FAULT is "none", or
//   no-flush       the checkpoint says that the table is up to date without having flushed the table
//   no-checksum    a record counts as whole if its beginning is
//   not-idempotent recovery adds to a counter without saying, in the same sector, which record it added
//
// On the device, in sectors of 512 bytes, each of which is written whole or not at all:
//   0       the checkpoint: all transactions up to this one are in the table
//   16-23   the table: a counter, and the last transaction that was added to it
//   128-    the log: a ring of eight records of 4 KiB each
// Transaction N adds N to counter N % 8. It is committed when its record is durable; it is added to the
// table behind that. Every fourth transaction there is a checkpoint, and a record is overwritten only
// when a checkpoint is behind it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { kSector = 512, kRecord = 4096, kCounters = 8, kRing = 8, kCheckpointEvery = 4 };
enum { kTableAt = 16 * kSector, kLogAt = 128 * kSector };
static const uint64_t kMagic = 0x706f776572637574;

struct Checkpoint {
  uint64_t magic;
  uint64_t applied;
};
struct Counter {
  uint64_t value;
  uint64_t last;
};
struct Record {
  uint64_t magic;
  uint64_t number;
  uint64_t filling[kRecord / 8 - 4];
  uint64_t amount;
  uint64_t checksum;
};
_Static_assert(sizeof(struct Record) == kRecord, "a record fills its place");

static int disk;
static const char* fault;

static bool has_fault(const char* name) {
  return strcmp(fault, name) == 0;
}

static void die(const char* what) {
  perror(what);
  exit(2);
}

// Each write is one request of the device: aligned, and past the page cache while recording.
static void put(const void* data, size_t size, off_t offset) {
  static _Alignas(kRecord) unsigned char buffer[kRecord];
  const size_t whole = (size + kSector - 1) / kSector * kSector;
  memset(buffer, 0, sizeof buffer);
  memcpy(buffer, data, size);
  if (pwrite(disk, buffer, whole, offset) != (ssize_t)whole) die("pwrite");
}

static void get(void* data, size_t size, off_t offset) {
  if (pread(disk, data, size, offset) != (ssize_t)size) die("pread");
}

static void flush(void) {
  if (fdatasync(disk) != 0) die("fdatasync");
}

static uint64_t checksum_of(const struct Record* record) {
  const unsigned char* bytes = (const unsigned char*)record;
  uint64_t sum = 0xcbf29ce484222325;
  for (size_t i = 0; i < offsetof(struct Record, checksum); ++i) sum = (sum ^ bytes[i]) * 0x100000001b3;
  return sum;
}

static off_t place_of_counter(uint64_t number) {
  return kTableAt + (off_t)(number % kCounters) * kSector;
}
static off_t place_of_record(uint64_t number) {
  return kLogAt + (off_t)(number % kRing) * kRecord;
}

static void acknowledge(uint64_t number) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, getenv("POWERCUT_CONTROL"), sizeof address.sun_path - 1);
  const int control = socket(AF_UNIX, SOCK_STREAM, 0);
  if (control < 0 || connect(control, (struct sockaddr*)&address, sizeof address) != 0) die("connect");
  dprintf(control, "mark committed %" PRIu64 "\n", number);
  char answer[256] = {0};
  if (read(control, answer, sizeof answer - 1) <= 0 || strstr(answer, "\"ok\":true") == NULL) die(answer);
  close(control);
}

static void log_transaction(uint64_t number) {
  struct Record record = {.magic = kMagic, .number = number, .amount = number};
  for (size_t i = 0; i < sizeof record.filling / 8; ++i) record.filling[i] = number;
  record.checksum = checksum_of(&record);
  put(&record, sizeof record, place_of_record(number));
  flush();
}

static void apply_transaction(uint64_t number) {
  struct Counter counter;
  unsigned char sector[kSector] __attribute__((aligned(kSector)));
  get(sector, kSector, place_of_counter(number));
  memcpy(&counter, sector, sizeof counter);
  counter.value += number;
  counter.last = number;
  put(&counter, sizeof counter, place_of_counter(number));
}

static void put_checkpoint(uint64_t applied) {
  const struct Checkpoint checkpoint = {.magic = kMagic, .applied = applied};
  put(&checkpoint, sizeof checkpoint, 0);
}

static void write_transactions(uint64_t count) {
  put_checkpoint(0);
  flush();
  for (uint64_t number = 1; number <= count; ++number) {
    log_transaction(number);
    acknowledge(number);
    apply_transaction(number);
    if (number % kCheckpointEvery == 0) {
      if (!has_fault("no-flush")) flush();
      put_checkpoint(number);
    }
  }
}

static bool is_record(const struct Record* record, uint64_t number) {
  if (record->magic != kMagic || record->number != number) return false;
  return has_fault("no-checksum") || record->checksum == checksum_of(record);
}

// Adds what the log holds behind the checkpoint, and gives the last transaction that the table then has.
static uint64_t recover(void) {
  struct Checkpoint checkpoint;
  get(&checkpoint, sizeof checkpoint, 0);
  if (checkpoint.magic != kMagic) return 0;
  uint64_t number = checkpoint.applied;
  while (true) {
    struct Record record;
    get(&record, sizeof record, place_of_record(number + 1));
    if (!is_record(&record, number + 1)) break;
    ++number;
    struct Counter counter;
    get(&counter, sizeof counter, place_of_counter(number));
    if (counter.last >= number) continue;
    counter.value += record.amount;
    if (!has_fault("not-idempotent")) counter.last = number;
    put(&counter, sizeof counter, place_of_counter(number));
  }
  flush();
  put_checkpoint(number);
  flush();
  return number;
}

static uint64_t acknowledged(void) {
  FILE* marks = fopen(getenv("POWERCUT_MARKS"), "r");
  if (marks == NULL) die("marks");
  uint64_t last = 0;
  char line[1024];
  while (fgets(line, sizeof line, marks) != NULL) {
    const char* mark = strstr(line, "\"mark\":\"committed ");
    if (mark != NULL) last = strtoull(mark + strlen("\"mark\":\"committed "), NULL, 10);
  }
  fclose(marks);
  return last;
}

static int check(void) {
  const uint64_t promised = acknowledged();
  const uint64_t found = recover();
  if (found < promised) {
    printf("%" PRIu64 " transactions acknowledged, %" PRIu64 " there\n", promised, found);
    return 1;
  }
  for (uint64_t key = 0; key < kCounters; ++key) {
    uint64_t expected = 0;
    for (uint64_t number = 1; number <= found; ++number) expected += number % kCounters == key ? number : 0;
    struct Counter counter;
    get(&counter, sizeof counter, place_of_counter(key));
    if (counter.value != expected) {
      printf("counter %" PRIu64 " is %" PRIu64 ", not %" PRIu64 "\n", key, counter.value, expected);
      return 1;
    }
  }
  return 0;
}

int main(int argc, char** argv) {
  const bool writes = argc == 4 && strcmp(argv[1], "write") == 0;
  if (!writes && !(argc == 3 && strcmp(argv[1], "check") == 0)) {
    fprintf(stderr, "usage: wal write FAULT TRANSACTIONS | wal check FAULT\n");
    return 2;
  }
  fault = argv[2];
  disk = open(getenv("POWERCUT_DISK"), O_RDWR | O_CLOEXEC | (writes ? O_DIRECT : 0));
  if (disk < 0) die("open");
  if (!writes) return check();
  write_transactions(strtoull(argv[3], NULL, 10));
  return 0;
}

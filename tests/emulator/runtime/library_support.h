// What the stand-ins for NVIDIA's libraries need from the runtime.  No call here needs the GIL.
#pragma once
#include <cstddef>

extern "C" {
int emulator_is_device_memory(const void* begin, size_t nbytes);
int emulator_current_device();

// Runs work(job) now, or records it with a copy of the job when `stream` is being captured.
// The work returns a status of the library; the one of a recorded job is raised at replay.
int emulator_submit(void* stream, const char* label, int (*work)(const void* job), const void* job,
                    size_t job_nbytes);
}

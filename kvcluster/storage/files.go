package storage

// FS is a directory of files, as logstore needs it. The simulator's disks implement
// it.
type FS interface {
	// Create makes an empty file, or empties one. The file is there after a crash only
	// once it was synced.
	Create(name string) (File, error)
	// Open opens a file for reading and appending.
	Open(name string) (File, error)
	// List is the names of all files, sorted.
	List() ([]string, error)
	// Remove removes a file.
	Remove(name string) error
}

// File is a file that is appended to.
type File interface {
	// Append adds bytes at the end. On error some of them may be there.
	Append(p []byte) error
	// ReadAll is the whole content.
	ReadAll() ([]byte, error)
	// Truncate cuts the file to size and makes that durable.
	Truncate(size int64) error
	// Sync makes everything appended durable.
	Sync() error
	Close() error
}

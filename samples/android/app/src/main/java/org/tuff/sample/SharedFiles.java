package org.tuff.sample;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;

/** Files of the folder `shared`, to be read by the apps that they are shared with. */
public final class SharedFiles extends ContentProvider {
    private static final String AUTHORITY = "org.tuff.sample.files";

    static File folder(Context context) {
        File folder = new File(context.getFilesDir(), "shared");
        folder.mkdirs();
        return folder;
    }

    static Uri uri(File file) { return new Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(file.getName()).build(); }

    /** The last segment alone, which has no separator: nothing outside of the folder has a name here. */
    private File file(Uri uri) throws FileNotFoundException {
        String name = uri.getLastPathSegment();
        File file = name == null ? null : new File(folder(getContext()), new File(name).getName());
        if (file == null || !file.isFile()) throw new FileNotFoundException("no such file: " + uri);
        return file;
    }

    @Override public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        if (!"r".equals(mode)) throw new FileNotFoundException("files are shared for reading");
        return ParcelFileDescriptor.open(file(uri), ParcelFileDescriptor.MODE_READ_ONLY);
    }

    @Override public Cursor query(Uri uri, String[] columns, String where, String[] values, String order) {
        String[] given = columns == null ? new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE} : columns;
        MatrixCursor cursor = new MatrixCursor(given);
        try {
            File file = file(uri);
            Object[] row = new Object[given.length];
            for (int i = 0; i < given.length; i++)
                row[i] = OpenableColumns.DISPLAY_NAME.equals(given[i]) ? file.getName() : OpenableColumns.SIZE.equals(given[i]) ? (Object)file.length() : null;
            cursor.addRow(row);
        } catch (FileNotFoundException none) {
            // an empty answer says so
        }
        return cursor;
    }

    @Override public boolean onCreate() { return true; }
    @Override public String getType(Uri uri) { return "application/octet-stream"; }
    @Override public Uri insert(Uri uri, ContentValues values) { throw new UnsupportedOperationException(); }
    @Override public int update(Uri uri, ContentValues values, String where, String[] arguments) { throw new UnsupportedOperationException(); }
    @Override public int delete(Uri uri, String where, String[] arguments) { throw new UnsupportedOperationException(); }
}

export * from 'cryppo';

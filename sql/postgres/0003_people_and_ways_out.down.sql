drop table destinations;
drop table functions;
drop table profiles;
